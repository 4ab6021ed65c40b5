"""One rank of a training: started by torchrun, never by hand."""

from __future__ import annotations

from collections.abc import Sequence

from speechbrain_ext.bin.options import OptionParser


def main(argv: Sequence[str] | None = None) -> None:
    """Train one fold as one of several ranks."""
    parser = OptionParser(prog="python -m speechbrain_ext.bin.rank", description=__doc__)
    parser.add_argument("task", help="a JSON file with the run and the fold")
    task = parser.parse_args(argv).task
    from speechbrain_ext.training.ddp import train_as_rank

    train_as_rank(task)


if __name__ == "__main__":
    from speechbrain_ext.bin.main_guard import run

    run(main)
