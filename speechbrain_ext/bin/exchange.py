"""Corpora and folds to and from the files of EmoBox, audformat and nkululeko."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from speechbrain_ext.bin.options import OptionParser, folder, whole_number
from speechbrain_ext.utils.errors import UserError

if TYPE_CHECKING:
    from speechbrain_ext.exchange.given import Given

FORMATS = ("emobox", "audformat", "nkululeko")


def parser() -> OptionParser:
    """Build the command line."""
    top = OptionParser(prog="python -m speechbrain_ext.bin.exchange", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    export = commands.add_parser("export", help="write a prepared corpus and its folds for another tool")
    add = export.add_argument
    add("--format", choices=FORMATS, required=True, help="whose files")
    add("--data", type=folder, required=True, metavar="DIR", help="the folder data/<CORPUS>-<source> of stage 0")
    add("--protocol", metavar="NAME", help="the folds to write: session, speaker, ... (default: the corpus alone)")
    add("--dev", default="none", metavar="NAME", help="the folds' rule of development (default: none)")
    add("--fold-seed", type=whole_number(0), default=0, metavar="N", help="the folds' seed (default: 0)")
    add("--out", type=folder, required=True, metavar="DIR", help="the folder to write; new or empty")
    import_ = commands.add_parser("import", help="make a CSV for --corpus-root from another tool's files")
    add = import_.add_argument
    add("--format", choices=FORMATS, required=True, help="whose files")
    add("--in", dest="source", type=folder, required=True, metavar="PATH", help="its folder; of nkululeko the CSV")
    add(
        "--audio-root", type=folder, metavar="DIR", help="what its files are relative to (default: where its files lie)"
    )
    add(
        "--speakers", type=Path, metavar="FILE", help="a CSV key,speaker[,gender,session,text], where EmoBox tells none"
    )
    add("--out", type=folder, required=True, metavar="CSV", help="the CSV to write; new")
    return top


def main(argv: Sequence[str] | None = None) -> None:
    """Run one subcommand.

    Arguments
    ---------
    argv : sequence of str or None
        The command line; None takes the process's own.

    Raises
    ------
    UserError
        Something that the user can mend.
    """
    asked = parser().parse_args(argv)
    lines = _export(asked) if asked.command == "export" else _import(asked)
    print("\n".join(lines))


def _export(asked: argparse.Namespace) -> list[str]:
    from speechbrain_ext.corpora.data_folder import read_facts, read_utterances
    from speechbrain_ext.exchange.audformat import export_audformat
    from speechbrain_ext.exchange.emobox import export_emobox
    from speechbrain_ext.exchange.given import audit_given, strange_labels
    from speechbrain_ext.exchange.nkululeko import export_nkululeko
    from speechbrain_ext.preparation.audit import check_folds
    from speechbrain_ext.preparation.folds import folds_path, read_folds
    from speechbrain_ext.preparation.protocols import check_rules

    made_by = "python -m speechbrain_ext.bin.prepare"
    facts = read_facts(asked.data, made_by)
    utterances = read_utterances(asked.data, facts, made_by)
    folds = None
    if asked.protocol is not None:
        check_rules(asked.protocol, asked.dev)
        path = folds_path(asked.data, asked.protocol, asked.dev, asked.fold_seed)
        again = f"{made_by} --protocol {asked.protocol} --dev {asked.dev} --force"
        folds = read_folds(path, again)
        check_folds(path, folds, utterances, again)
    if asked.out.exists() and (not asked.out.is_dir() or any(asked.out.iterdir())):
        raise UserError(f"--out {asked.out}: expected a new or empty folder, found something there: name another")
    if asked.format == "nkululeko":
        notes = export_nkululeko(asked.out / f"{facts.corpus}.csv", utterances, folds, facts.root)
    else:
        notes = (export_emobox if asked.format == "emobox" else export_audformat)(asked.out, utterances, folds)
    return [
        f"wrote {facts.corpus} ({facts.source}) as {asked.format} in {asked.out}",
        *(f"note: {note}" for note in [*notes, *strange_labels(utterances, folds)]),
        *(audit_given(utterances, folds.folds) if folds else []),
        "the labels are the corpus's: pass them on only where its licence allows",
    ]


def _import(asked: argparse.Namespace) -> list[str]:
    from speechbrain_ext.exchange.given import audit_given, write_table

    if asked.out.exists():
        raise UserError(f"--out {asked.out}: is there already, expected a new file: name another, or remove it")
    if asked.out.suffix.lower() != ".csv":
        raise UserError(f"--out {asked.out}: expected a name that ends in .csv, which --corpus-root takes: rename it")
    given = _read(asked)
    here = asked.source.parent if asked.format == "nkululeko" else asked.source
    notes = [*given.notes, *write_table(asked.out, given, asked.audio_root or here)]
    speakers = len({item.speaker for item in given.utterances})
    told = f"{len(given.utterances)} utterances of {speakers} speakers, {len(given.folds)} folds"
    leaks = audit_given(given.utterances, given.folds)
    lines = [f"wrote {asked.out}: {told}", *(f"note: {note}" for note in notes), *leaks]
    if given.folds and not any(line.startswith("LEAK") for line in leaks):
        lines.append("audit: no utterance, audio or speaker is in training and test")
    return lines


def _read(asked: argparse.Namespace) -> Given:
    from speechbrain_ext.corpora.manifest import CorpusFaults
    from speechbrain_ext.exchange.audformat import import_audformat
    from speechbrain_ext.exchange.emobox import import_emobox
    from speechbrain_ext.exchange.nkululeko import import_nkululeko

    if asked.speakers is not None and asked.format != "emobox":
        raise UserError(f"--speakers {asked.speakers}: only EmoBox's files need it: leave it out")
    try:
        if asked.format == "emobox":
            return import_emobox(asked.source, asked.speakers)
        return (import_audformat if asked.format == "audformat" else import_nkululeko)(asked.source)
    except CorpusFaults as found:
        for fault in found.faults:
            print(f"{fault.file}: found {fault.found}, expected {fault.expected}", file=sys.stderr)
        raise UserError(
            f"{len(found.faults)} faults in {asked.source}, nothing was written: mend these lines and run again"
        ) from None


if __name__ == "__main__":
    from speechbrain_ext.bin.main_guard import run

    run(main)
