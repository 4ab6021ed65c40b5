"""Stage 0: read a corpus, measure and validate every file, make the folds, audit them for leakage."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from speechbrain_ext.bin.options import command_parser


def main(argv: Sequence[str] | None = None) -> None:
    """Run stage 0, for the corpus's usual classes or for those of a system or a table."""
    parser = command_parser("prepare", __doc__, ("corpus",))
    parser.set_defaults(data=Path("data"))
    asked = parser.parse(argv)
    from speechbrain_ext.bin.requests import corpus_request, preparation_specs
    from speechbrain_ext.stages import prepare

    prepare(corpus_request(asked), preparation_specs(asked))


if __name__ == "__main__":
    from speechbrain_ext.bin.main_guard import run

    run(main)
