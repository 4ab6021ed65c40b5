"""What stage 0 prints: counts beside the published ones, the annotators' agreement, the folds and their audit."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from speechbrain_ext.corpora import Corpus
from speechbrain_ext.corpora.manifest import CorpusFaults, Fault, Utterance
from speechbrain_ext.preparation.edition import differences
from speechbrain_ext.preparation.folds import Folds
from speechbrain_ext.preparation.prepare import prepare
from speechbrain_ext.preparation.request import Prepared, Request
from speechbrain_ext.utils.errors import UserError


def prepare_and_print(request: Request) -> None:
    """Run stage 0 and print its summary, or the table of all faults.

    Raises
    ------
    UserError
        As `speechbrain_ext.preparation.prepare.prepare` does.
    """
    try:
        prepared = prepare(request)
    except CorpusFaults as found:
        print("\n".join([_fault_table(found.faults), *(f"note: {note}" for note in found.notes)]), file=sys.stderr)
        raise UserError(
            f"{len(found.faults)} faults in {request.root}, nothing was written: mend or remove these files, run again"
        ) from None
    print(summary_text(request.corpus, prepared))


def summary_text(corpus: Corpus, prepared: Prepared) -> str:
    """Lines of the counts beside the published ones, the annotators, the folds and the audit, and what was written."""
    facts = prepared.facts
    length = "audio not read" if facts["hours"] is None else f"{facts['hours']:.2f} h"
    lines = [
        f"{facts['corpus']} ({facts['source']}): {facts['utterances']} utterances, {length}, from {facts['root']}",
        f"edition: {facts['edition']}",
        *counts(facts),
        *annotators(corpus, prepared.utterances),
        *(f"note: {note}" for note in (*facts["notes"], *prepared.remarks)),
    ]
    if facts["source"] == "real" and (other := differences(corpus, facts)):
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


def counts(facts: Mapping[str, Any]) -> list[str]:
    """Found beside published: labels, speakers, parts; and the subsets that papers use."""
    real, both = facts["source"] == "real", facts["found_beside_expected"]
    lines = []
    for kind in ("labels", "speakers", "parts"):
        if both[kind].keys() - {"none"}:
            lines += _table(kind[:-1], both[kind], real)
    for name, subset in both["subsets"].items():
        lines.append(f"{name}: {_pair(subset['utterances'], real)}")
        for kind in ("labels", "speakers", "sessions"):
            told = [f"{value} {_pair(pair, real)}" for value, pair in subset[kind].items()]
            lines += [f"  {kind[:-1]:<8} {', '.join(told)}"] if told else []
    return lines


def _table(kind: str, pairs: Mapping[str, Any], real: bool) -> list[str]:
    published = real and any(pair["expected"] is not None for pair in pairs.values())
    lines = [f"  {kind:<12}{'found':>7}" + (f"{'published':>11}" if published else "")]
    for name, pair in pairs.items():
        known = "" if pair["expected"] is None else pair["expected"]
        lines.append(f"  {name:<12}{pair['found']:>7}" + (f"{known:>11}" if published else ""))
    return lines


def _pair(pair: Mapping[str, Any], real: bool) -> str:
    return f"{pair['found']}" + (f"/{pair['expected']}" if real and pair["expected"] is not None else "")


def annotators(corpus: Corpus, utterances: Sequence[Utterance]) -> list[str]:
    """Agreement of the annotators, and what a person scores against the others; nothing where no one voted."""
    if not any(item.votes for item in utterances):
        return []
    from speechbrain_ext.preparation.agreement import describe_agreement

    return describe_agreement(utterances, corpus.task)


def folds_text(corpus: Corpus, folds: Folds) -> list[str]:
    """A line a fold, what is left out, and the audit in one line."""
    from speechbrain_ext.preparation.audit import describe, shared_speakers

    told = [f"folds of {folds.protocol} (dev {folds.dev}, fold seed {folds.fold_seed}):"]
    if folds.protocol == "speaker-text" and corpus.texts_repeat:
        limits = ", ".join(f"{field} {' '.join(values)}" for field, values in corpus.texts_repeat.items())
        told.append(f"  of the utterances whose texts repeat: {limits}")
    told.append(f"  {'fold':<12}{'train':>7}{'dev':>7}{'test':>7}")
    for fold in folds.folds:
        told.append(f"  {fold.name:<12}{len(fold.train):>7}{len(fold.dev):>7}{len(fold.test):>7}")
    told.append(f"audit: {describe(folds.audit)}")
    if folds.protocol == "given":
        told += [f"warning: LEAK: {line}" for line in shared_speakers(folds.audit)]
    return told
