"""Stage 2: train every fold of a protocol, each phase of the system in turn."""

from __future__ import annotations

from collections.abc import Sequence

from speechbrain_ext.bin.options import command_parser


def main(argv: Sequence[str] | None = None) -> None:
    """Run stage 2 of one row."""
    asked = command_parser("train", __doc__, ("recipe", "system", "data", "exp")).parse(argv)
    from speechbrain_ext.bin.requests import stage_request
    from speechbrain_ext.training.train import train

    train(stage_request(asked))


if __name__ == "__main__":
    from speechbrain_ext.bin.main_guard import run

    run(main)
