"""Prints a system's hyper-parameters: each key with value, type, meaning and source; run.sh -- --help does the same."""

from __future__ import annotations

from collections.abc import Sequence

from speechbrain_ext.bin.options import command_parser


def main(argv: Sequence[str] | None = None) -> None:
    """Print the listing; no corpus is read and nothing is built."""
    asked = command_parser("keys", __doc__, ("recipe", "system")).parse(argv)
    from speechbrain_ext.hparams.key_listing import print_keys

    print_keys(asked.recipe, asked.system, asked.preset)


if __name__ == "__main__":
    from speechbrain_ext.bin.main_guard import run

    run(main)
