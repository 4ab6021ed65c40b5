"""Stage 1: compute and cache the features that a system reads."""

from __future__ import annotations

from collections.abc import Sequence

from speechbrain_ext.bin.options import command_parser


def main(argv: Sequence[str] | None = None) -> None:
    """Run stage 1 of one row."""
    asked = command_parser("extract", __doc__, ("recipe", "system", "data", "exp")).parse(argv)
    from speechbrain_ext.bin.requests import stage_request
    from speechbrain_ext.training.extract import extract

    extract(stage_request(asked))


if __name__ == "__main__":
    from speechbrain_ext.bin.main_guard import run

    run(main)
