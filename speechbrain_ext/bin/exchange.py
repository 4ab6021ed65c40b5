"""Corpora and folds to and from the files of EmoBox, audformat and nkululeko."""

from __future__ import annotations

from collections.abc import Sequence

from speechbrain_ext.bin.options import parse_subcommand

COMMANDS = {
    "export": (
        "write a prepared corpus for another tool, with the folds of --protocol",
        ("format", "data", "out"),
    ),
    "import": ("make a CSV for --corpus-root from another tool's files", ("format", "in", "out")),
}


def main(argv: Sequence[str] | None = None) -> None:
    """Export or import a corpus."""
    command, asked = parse_subcommand("exchange", __doc__, COMMANDS, argv)
    from speechbrain_ext.exchange.exchange import ExportRequest, ImportRequest, export_corpus, import_corpus

    out = asked.out[-1]
    if command == "export":
        protocol = "" if asked.protocol == "paper" else asked.protocol
        request = ExportRequest(asked.format, asked.data, out, protocol, asked.dev, asked.fold_seed)
        print("\n".join(export_corpus(request)))
    else:
        source = getattr(asked, "in")
        print("\n".join(import_corpus(ImportRequest(asked.format, source, out, asked.audio_root, asked.speakers))))


if __name__ == "__main__":
    from speechbrain_ext.bin.main_guard import run

    run(main)
