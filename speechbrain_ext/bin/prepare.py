"""Stage 0: read a corpus, measure and validate every file, make the folds, audit them for leakage."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from speechbrain_ext.bin.options import MOST_JOBS, OptionParser, folder, is_utf8, whole_number
from speechbrain_ext.bin.run_options import print_trusted
from speechbrain_ext.utils.errors import UsageError, UserError

if TYPE_CHECKING:
    from speechbrain_ext.corpora import Corpus
    from speechbrain_ext.corpora.label_map import LabelMap
    from speechbrain_ext.corpora.manifest import Fault
    from speechbrain_ext.corpora.task import Task
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
    add(
        "--data",
        type=folder,
        default=Path("data"),
        metavar="DIR",
        help="where to write; makes <CORPUS>-<source> in it (default: data)",
    )
    add(
        "--protocol",
        default="paper",
        metavar="NAME",
        help="random5, speaker, session, speaker-text, given; paper = usual",
    )
    add("--dev", default="none", metavar="NAME", help="none, speaker, session, fraction (default: none)")
    add("--fold-seed", type=whole_number(0), default=0, metavar="N", help="the seed of the split itself (default: 0)")
    add("--jobs", type=whole_number(1, MOST_JOBS), metavar="N", help="threads that read audio (default: cores)")
    add("--label-map", type=Path, metavar="FILE", help="what emotions of a CSV mean that the vocabulary does not know")
    add("--verify", action="store_true", help="hash all audio, also files of the recorded size and time of change")
    add("--no-audio-check", action="store_true", help="leave the audio unread: no rate, length or hash is known")
    add("--force", action="store_true", help="redo what was made from other inputs")
    add("--trust", action="store_true", help="use a recipe from outside the repository, or one that names other code")
    add("--recipe", type=Path, metavar="DIR", help="take classes, utterances and protocol from its --system or --table")
    add("--system", metavar="NAME", help="a system of recipes/shared/systems or of the recipe's hparams")
    add("--preset", default="paper", metavar="NAME", help="the system's preset: paper (default), official")
    add("--table", default="", metavar="ID", help="a paper's table of the recipe: the folds of all its rows")
    add("overrides", nargs="*", metavar="-- --key value", help="keys of the task and hyper-parameters of the system")
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

    from speechbrain_ext.corpora.label_map import read_label_map
    from speechbrain_ext.corpora.manifest import CorpusFaults
    from speechbrain_ext.preparation import Request, prepare
    from speechbrain_ext.preparation.protocols import check_rules

    label_map = read_label_map(asked.label_map) if asked.label_map else {}
    corpus = _corpus(asked, label_map)
    check_rules(corpus.protocols[0] if asked.protocol == "paper" else asked.protocol, asked.dev)
    splits = _splits(corpus, asked)
    if asked.verify and asked.no_audio_check:
        raise UsageError("--verify and --no-audio-check exclude each other: leave one out")
    data = asked.data.resolve()
    request = Request(
        corpus=corpus,
        root=_root(corpus, asked, data),
        data=data,
        source=asked.source,
        edition=" ".join(asked.edition.split()) or None if asked.edition else None,
        splits=splits,
        dev=asked.dev,
        fold_seed=asked.fold_seed,
        jobs=asked.jobs or os.cpu_count() or 1,
        check_audio=not asked.no_audio_check,
        force=asked.force,
        verify=asked.verify,
        label_map=label_map,
    )
    try:
        prepared = prepare(request)
    except CorpusFaults as found:
        print("\n".join([_fault_table(found.faults), *(f"note: {note}" for note in found.notes)]), file=sys.stderr)
        raise UserError(
            f"{len(found.faults)} faults in {request.root}, nothing was written: mend or remove these files, run again"
        ) from None
    print(summary(corpus, prepared))


def summary(corpus: Corpus, prepared: Prepared) -> str:
    """Tell what was found beside what is published, the annotators, the folds and the audit, and what was done."""
    from speechbrain_ext.preparation.edition import differences
    from speechbrain_ext.preparation.summary import annotators, counts, folds_text

    facts = prepared.facts
    length = "audio not read" if facts.counts.hours is None else f"{facts.counts.hours:.2f} h"
    lines = [
        f"{facts.corpus} ({facts.source}): {facts.counts.utterances} utterances, {length}, from {facts.root}",
        f"edition: {facts.edition}",
        *counts(corpus, facts),
        *annotators(corpus, prepared.utterances),
        *(f"note: {note}" for note in (*facts.notes, *prepared.remarks)),
    ]
    if facts.source == "real" and (other := differences(corpus, facts.counts)):
        lines.append(f"warning: this is not {corpus.name} as published: {', '.join(other)}")
    for split in prepared.splits:
        lines += [*folds_text(corpus, split.folds), *(f"warning: {warning}" for warning in split.warnings)]
    folder = prepared.folder
    if prepared.wrote:
        lines.append(f"wrote {', '.join(prepared.wrote)} in {folder}")
    else:
        lines.append(f"nothing to do: {folder} is complete and made from the same inputs")
    return "\n".join(lines)


def _fault_table(faults: Sequence[Fault]) -> str:
    rows = [("file", "found", "expected"), *((fault.file, fault.found, fault.expected) for fault in faults)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _corpus(asked: argparse.Namespace, label_map: LabelMap) -> Corpus:
    """The corpus of the registry; where the root is a CSV, the corpus that it lists."""
    from dataclasses import replace

    from speechbrain_ext.corpora import get_corpus

    root = asked.corpus_root or ""
    if not root.lower().endswith(".csv"):
        if asked.label_map:
            raise UsageError(f"--label-map {asked.label_map}: only a CSV needs it: leave it out")
        return get_corpus(asked.corpus)
    from speechbrain_ext.corpora.table import corpus_of

    # A link keeps its own name, which run.sh takes too; its files lie where it leads.
    table = corpus_of(Path(os.path.abspath(Path(root).expanduser())), label_map)
    if asked.corpus == table.name:
        return table
    known = get_corpus(asked.corpus)
    return replace(table, name=known.name, key=known.key, task=known.task, title=known.title)


def _splits(corpus: Corpus, asked: argparse.Namespace) -> tuple[tuple[str, Task], ...]:
    """Protocol and task of each file of folds: the system's, those of a table's rows, or the corpus's usual ones."""
    usual = corpus.protocols[0] if asked.protocol == "paper" else asked.protocol
    if asked.recipe is None:
        if asked.overrides:
            raise UsageError(f"expected an option, found {asked.overrides[0]!r}: overrides need --recipe and --system")
        return ((usual, corpus.task),)
    from speechbrain_ext.hparams import load, parse_overrides
    from speechbrain_ext.training.paper_tables import load_table, words_of

    runs = [(asked.system, "", tuple(asked.overrides))]
    if asked.table:
        table = load_table(asked.recipe, asked.table)
        runs = [(row.system, row.protocol, words_of(table, row, asked.overrides)) for row in table.rows]
    found = []
    for system, protocol, words in runs:
        hp = load(
            asked.recipe, system, parse_overrides(list(words)), asked.source, preset=asked.preset, trust=asked.trust
        )
        print_trusted(hp.trusted)
        own = protocol or hp.protocol
        split = (own if asked.protocol == "paper" else asked.protocol, hp.task)
        if split not in found:
            found.append(split)
    return tuple(found)


def _root(corpus: Corpus, asked: argparse.Namespace, data: Path) -> Path:
    root = asked.corpus_root
    if root is None and asked.source == "real" and corpus.root_variable:
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
    path = Path(root).expanduser().resolve()
    if not is_utf8(str(path)):
        raise UserError(f"--corpus-root {ascii(str(path))}: expected a name in UTF-8: rename the folder")
    return path.parent if path.suffix.lower() == ".csv" else path


if __name__ == "__main__":
    from speechbrain_ext.bin.main_guard import run

    run(main)
