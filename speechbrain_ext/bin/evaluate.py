"""Stage 3: score the test utterances of every fold."""

from __future__ import annotations

from collections.abc import Sequence

from speechbrain_ext.bin.options import command_parser


def main(argv: Sequence[str] | None = None) -> None:
    """Run stage 3 of one row."""
    asked = command_parser("evaluate", __doc__, ("recipe", "system", "data", "exp")).parse(argv)
    from speechbrain_ext.bin.requests import stage_request
    from speechbrain_ext.evaluation.evaluate import evaluate

    evaluate(stage_request(asked))


if __name__ == "__main__":
    from speechbrain_ext.bin.main_guard import run

    run(main)
