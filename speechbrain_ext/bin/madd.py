"""Compares what MADD silences in EmoDB with the pauses of the published phone labels, factor by factor."""

from __future__ import annotations

from collections.abc import Sequence

from speechbrain_ext.bin.options import command_parser

EPILOG = (
    "The published files do not say whether a label's time is its end or its start. Both readings are "
    "shown with the level of the pauses: the right one has pauses far below the speech."
)


def main(argv: Sequence[str] | None = None) -> None:
    """Print a table for each reading of the labels, and write what is asked for."""
    parser = command_parser("madd", __doc__)
    parser.epilog = EPILOG
    asked = parser.parse(argv)
    from speechbrain_ext.analysis.madd_report import MaddRequest, compare_pauses

    compare_pauses(
        MaddRequest(
            corpus_root=asked.corpus_root,
            factors=asked.factors,
            window_samples=asked.window_samples,
            floor=asked.floor,
            times=asked.label_times,
            pauses=asked.pauses.split(","),
            unlabelled=asked.unlabelled,
            out=asked.out or (),
        )
    )


if __name__ == "__main__":
    from speechbrain_ext.bin.main_guard import run

    run(main)
