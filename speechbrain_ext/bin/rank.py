"""The ranks of a training, or one of them: started by stage 2 and by torchrun, never by hand."""

from __future__ import annotations

from collections.abc import Sequence

from speechbrain_ext.bin.options import command_parser


def main(argv: Sequence[str] | None = None) -> None:
    """Start the ranks of a fold, or train the fold as one of them."""
    parser = command_parser("rank", __doc__)
    parser.add_argument("task", help="a JSON file with the run and the fold")
    asked = parser.parse(argv)
    from speechbrain_ext.training.ddp import start_ranks, train_as_rank

    if asked.nproc > 1:
        start_ranks(asked.task, asked.nproc)
    else:
        train_as_rank(asked.task)


if __name__ == "__main__":
    from speechbrain_ext.bin.main_guard import run

    run(main)
