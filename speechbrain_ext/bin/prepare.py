"""Stage 0: read a corpus, measure and validate every file, make the folds, audit them for leakage."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speechbrain_ext.bin.options import OptionParser, whole_number
from speechbrain_ext.errors import UsageError, UserError

if TYPE_CHECKING:
    from speechbrain_ext.corpora import Corpus
    from speechbrain_ext.manifest import Fault
    from speechbrain_ext.preparation import Prepared


def parser() -> OptionParser:
    """Give the command's options."""
    options = OptionParser(prog="python -m speechbrain_ext.bin.prepare", description=__doc__)
    add = options.add_argument
    add("--corpus", required=True, metavar="NAME", help="the corpus, such as EmoDB")
    add(
        "--corpus-root", metavar="DIR", help="its folder, or 'download' (default: the corpus's variable, as EMODB_ROOT)"
    )
    add("--source", choices=("real", "mini"), default="real", help="what the folder holds (default: real)")
    add("--edition", metavar="TEXT", help="what this copy is, when it is not as published (default: recognised)")
    add("--data", default="data", metavar="DIR", help="where to write; makes <CORPUS>-<source> in it (default: data)")
    add("--protocol", default="random5", metavar="NAME", help="random5, speaker, session, speaker-text")
    add("--dev", default="none", metavar="NAME", help="none, speaker, session, fraction (default: none)")
    add("--fold-seed", type=whole_number(0), default=0, metavar="N", help="the seed of the split itself (default: 0)")
    add("--jobs", type=whole_number(1), metavar="N", help="threads that read audio (default: cores)")
    add("--no-audio-check", action="store_true", help="leave the audio unread: no rate, length or hash is known")
    add("--force", action="store_true", help="redo what was made from other inputs")
    return options


def main(argv: Sequence[str] | None = None) -> None:
    """Run stage 0.

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

    from speechbrain_ext.corpora import get_corpus
    from speechbrain_ext.folds import check_rules
    from speechbrain_ext.manifest import CorpusFaults
    from speechbrain_ext.preparation import Request, prepare

    corpus = get_corpus(asked.corpus)
    check_rules(asked.protocol, asked.dev)
    data = Path(asked.data).resolve()
    request = Request(
        corpus=corpus,
        root=_root(corpus, asked, data),
        data=data,
        source=asked.source,
        edition=" ".join(asked.edition.split()) or None if asked.edition else None,
        protocol=asked.protocol,
        dev=asked.dev,
        fold_seed=asked.fold_seed,
        jobs=asked.jobs or os.cpu_count() or 1,
        check_audio=not asked.no_audio_check,
        force=asked.force,
    )
    try:
        prepared = prepare(request)
    except CorpusFaults as found:
        print(_fault_table(found.faults), file=sys.stderr)
        raise UserError(
            f"{len(found.faults)} faults in {request.root}, nothing was written: mend or remove these files, run again"
        ) from None
    print(summary(corpus, prepared))


def summary(corpus: Corpus, prepared: Prepared) -> str:
    """Tell what was found beside what is published, the folds and the audit, and what was done."""
    from speechbrain_ext.audit import describe
    from speechbrain_ext.edition import differences

    facts, folds = prepared.facts, prepared.folds
    length = "audio not read" if facts["hours"] is None else f"{facts['hours']:.2f} h"
    lines = [
        f"{facts['corpus']} ({facts['source']}): {facts['utterances']} utterances, {length}, from {facts['root']}",
        f"edition: {facts['edition']}",
        *_counts(facts),
        *(f"note: {note}" for note in facts["notes"]),
    ]
    if facts["source"] == "real" and (other := differences(corpus, facts)):
        lines.append(f"warning: this is not {corpus.name} as published: {', '.join(other)}")
    lines.append(f"folds of {folds['protocol']} (dev {folds['dev']}, fold seed {folds['fold_seed']}):")
    lines.append(f"  {'fold':<12}{'train':>7}{'dev':>7}{'test':>7}")
    for fold in folds["folds"]:
        sizes = "".join(f"{len(fold[part]):>7}" for part in ("train", "dev", "test"))
        lines.append(f"  {fold['name']:<12}{sizes}")
    lines.append(f"audit: {describe(folds)}")
    folder = prepared.folds_file.parent.parent
    if not (prepared.wrote_manifest or prepared.wrote_folds):
        lines.append(f"nothing to do: {folder} is whole and made from the same inputs")
    else:
        wrote = {"manifest.json": prepared.wrote_manifest, f"folds/{prepared.folds_file.name}": prepared.wrote_folds}
        lines.append(f"wrote {', '.join(name for name, done in wrote.items() if done)} in {folder}")
    return "\n".join(lines)


def _counts(facts: Mapping[str, Any]) -> list[str]:
    real = facts["source"] == "real"
    lines = []
    for kind in ("labels", "speakers"):
        lines.append(f"  {kind[:-1]:<12}{'found':>7}" + (f"{'published':>11}" if real else ""))
        for name, both in facts["found_beside_expected"][kind].items():
            published = "" if both["expected"] is None else both["expected"]
            lines.append(f"  {name:<12}{both['found']:>7}" + (f"{published:>11}" if real else ""))
    return lines


def _fault_table(faults: Sequence[Fault]) -> str:
    rows = [("file", "found", "expected"), *((fault.file, fault.found, fault.expected) for fault in faults)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _root(corpus: Corpus, asked: argparse.Namespace, data: Path) -> Path:
    root = asked.corpus_root
    if root is None and asked.source == "real":
        root = os.environ.get(corpus.root_variable)
    if not root:
        mini = f"python -m speechbrain_ext.bin.mini --corpus {corpus.key} --out DIR"
        cure = f"write one with: {mini}" if asked.source == "mini" else f"name it, or set {corpus.root_variable}"
        raise UsageError(f"--corpus-root is missing, expected the folder of {corpus.name}: {cure}")
    if root == "download":
        if corpus.download is None or asked.source == "mini":
            raise UsageError(
                f"--corpus-root download: {corpus.name} ({asked.source}) is not for download: name its folder"
            )
        return corpus.download(data).resolve()
    return Path(root).expanduser().resolve()


if __name__ == "__main__":
    from speechbrain_ext.bin.main_guard import run

    run(main)
