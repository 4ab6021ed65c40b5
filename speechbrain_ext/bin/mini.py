"""Writes a mini corpus: synthetic speech in the layout of a real corpus."""

from __future__ import annotations

from collections.abc import Sequence

from speechbrain_ext.bin.options import command_parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write a mini corpus, or keep it where it is complete."""
    asked = command_parser("mini", __doc__, ("corpus", "out")).parse(argv)
    from speechbrain_ext.testing.mini_corpus import make_mini

    make_mini(asked.corpus, asked.out[-1])


if __name__ == "__main__":
    from speechbrain_ext.bin.main_guard import run

    run(main)
