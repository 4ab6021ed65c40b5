"""Corpora and folds to and from the files of EmoBox, audformat and nkululeko."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from speechbrain_ext.corpora.data_folder import read_facts, read_utterances
from speechbrain_ext.corpora.manifest import CorpusFaults
from speechbrain_ext.corpora.stated_facts import stated_path
from speechbrain_ext.exchange.audformat import export_audformat, import_audformat
from speechbrain_ext.exchange.emobox import export_emobox, import_emobox
from speechbrain_ext.exchange.given import Given, audit_given, strange_labels, write_table
from speechbrain_ext.exchange.nkululeko import export_nkululeko, import_nkululeko
from speechbrain_ext.preparation.audit import check_folds
from speechbrain_ext.preparation.folds import folds_path, read_folds
from speechbrain_ext.preparation.protocols import check_rules
from speechbrain_ext.preparation.request import MADE_BY
from speechbrain_ext.utils.errors import UserError


@dataclass(frozen=True)
class ExportRequest:
    """What is exported.

    Attributes
    ----------
    format : str
        emobox, audformat or nkululeko.
    data, out : Path
        The folder data/<CORPUS>-<source>; the folder to write, new or empty.
    protocol, dev, fold_seed
        The folds; "" for the corpus without folds.
    """

    format: str
    data: Path
    out: Path
    protocol: str = ""
    dev: str = "none"
    fold_seed: int = 0


@dataclass(frozen=True)
class ImportRequest:
    """What is imported.

    Attributes
    ----------
    format : str
        emobox, audformat or nkululeko.
    source, out : Path
        The tool's folder, of nkululeko its CSV; the CSV to write.
    audio_root : Path or None
        What its files are relative to; None for the place of its files.
    speakers : Path or None
        A CSV key,speaker[,gender,session,text] for EmoBox, which names no speakers for some corpora.
    """

    format: str
    source: Path
    out: Path
    audio_root: Path | None = None
    speakers: Path | None = None


def export_corpus(request: ExportRequest) -> list[str]:
    """Write a prepared corpus and its folds for another tool; returns lines that say what was written.

    Raises
    ------
    UserError
        Stage 0 is missing, the folds do not exist, or the folder is not empty.
    """
    facts = read_facts(request.data, MADE_BY)
    utterances = read_utterances(request.data, facts, MADE_BY)
    folds = None
    if request.protocol:
        check_rules(request.protocol, request.dev)
        path = folds_path(request.data, request.protocol, request.dev, request.fold_seed)
        again = f"{MADE_BY} --protocol {request.protocol} --dev {request.dev} --force"
        folds = read_folds(path, again)
        check_folds(path, folds, utterances, again)
    if request.out.exists() and (not request.out.is_dir() or any(request.out.iterdir())):
        raise UserError(f"--out {request.out}: expected a new or empty folder, found something there: name another")
    if request.format == "nkululeko":
        notes = export_nkululeko(request.out / f"{facts.corpus}.csv", utterances, folds, facts.root)
    else:
        notes = (export_emobox if request.format == "emobox" else export_audformat)(request.out, utterances, folds)
    return [
        f"wrote {facts.corpus} ({facts.source}) as {request.format} in {request.out}",
        *(f"note: {note}" for note in [*notes, *strange_labels(utterances, folds)]),
        *(audit_given(utterances, folds.folds) if folds else []),
        "the labels are the corpus's: pass them on only where its licence allows",
    ]


def import_corpus(request: ImportRequest) -> list[str]:
    """Make a CSV for `--corpus-root` from another tool's files; returns lines that say what was written.

    Raises
    ------
    UserError
        The files have faults, or the CSV exists.
    """
    if request.out.exists():
        raise UserError(f"--out {request.out}: is there already, expected a new file: name another, or remove it")
    if stated_path(request.out).exists():
        raise UserError(f"{stated_path(request.out)}: is there already, as of another CSV: name another --out")
    if request.out.suffix.lower() != ".csv":
        raise UserError(f"--out {request.out}: expected a name that ends in .csv, which --corpus-root takes: rename it")
    given = _read(request)
    here = request.source.parent if request.format == "nkululeko" else request.source
    notes = [*given.notes, *write_table(request.out, given, request.audio_root or here)]
    speakers = len({item.speaker for item in given.utterances})
    counts = f"{len(given.utterances)} utterances of {speakers} speakers, {len(given.folds)} folds"
    leaks = audit_given(given.utterances, given.folds)
    lines = [f"wrote {request.out}: {counts}", *(f"note: {note}" for note in notes), *leaks]
    if given.folds and not any(line.startswith("LEAK") for line in leaks):
        lines.append("audit: no utterance, audio or speaker is in training and test")
    return lines


def _read(request: ImportRequest) -> Given:
    if request.speakers is not None and request.format != "emobox":
        raise UserError(f"--speakers {request.speakers}: only EmoBox's files need it: leave it out")
    try:
        if request.format == "emobox":
            return import_emobox(request.source, request.speakers)
        return (import_audformat if request.format == "audformat" else import_nkululeko)(request.source)
    except CorpusFaults as found:
        for fault in found.faults:
            print(f"{fault.file}: found {fault.found}, expected {fault.expected}", file=sys.stderr)
        raise UserError(
            f"{len(found.faults)} faults in {request.source}, nothing was written: mend these lines and run again"
        ) from None
