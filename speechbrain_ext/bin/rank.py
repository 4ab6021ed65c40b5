"""The ranks of a training, or one of them: started by stage 2 and by torchrun, never by hand."""

from __future__ import annotations

from collections.abc import Sequence

from speechbrain_ext.bin.options import OptionParser, whole_number


def main(argv: Sequence[str] | None = None) -> None:
    """Start the ranks of a fold, or train the fold as one of them."""
    parser = OptionParser(prog="python -m speechbrain_ext.bin.rank", description=__doc__)
    parser.add_argument("task", help="a JSON file with the run and the fold")
    parser.add_argument("--nproc", type=whole_number(2), help="start this many ranks; without it: be one of them")
    args = parser.parse_args(argv)
    from speechbrain_ext.training.ddp import start_ranks, train_as_rank

    if args.nproc:
        start_ranks(args.task, args.nproc)
    else:
        train_as_rank(args.task)


if __name__ == "__main__":
    from speechbrain_ext.bin.main_guard import run

    run(main)
