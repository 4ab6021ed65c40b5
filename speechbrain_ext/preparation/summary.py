"""What stage 0 prints: counts and published ones, the annotators' agreement, the folds and their audit."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from speechbrain_ext.corpora import Corpus
from speechbrain_ext.corpora.facts import NO_VALUE, CorpusFacts
from speechbrain_ext.corpora.manifest import CorpusFaults, Fault
from speechbrain_ext.preparation.agreement import describe_agreement
from speechbrain_ext.preparation.audit import describe, shared_speakers
from speechbrain_ext.preparation.edition import Pair, compare_counts, differences
from speechbrain_ext.preparation.folds import Folds
from speechbrain_ext.preparation.names import ALL_DATA
from speechbrain_ext.preparation.prepare import prepare
from speechbrain_ext.preparation.request import Prepared, PrepareRequest
from speechbrain_ext.utils.errors import UserError


def prepare_and_print(request: PrepareRequest) -> None:
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
    """Lines of the counts with the published ones, the annotators, the folds and their audit, and what was written."""
    facts = prepared.facts
    length = "audio not read" if facts.counts.hours is None else f"{facts.counts.hours:.2f} h"
    lines = [
        f"{facts.corpus} ({facts.source}): {facts.counts.utterances} utterances, {length}, from {facts.root}",
        f"edition: {facts.edition}",
        *_count_lines(corpus, facts),
        *describe_agreement(prepared.utterances, corpus.task),
        *(f"note: {note}" for note in (*facts.notes, *prepared.remarks)),
    ]
    if facts.source == "real" and (other := differences(corpus, facts.counts)):
        lines.append(f"warning: this is not {corpus.name} as published: {', '.join(other)}")
    for split in prepared.splits:
        lines += [*_fold_lines(corpus, split.folds), *(f"warning: {warning}" for warning in split.warnings)]
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


def _count_lines(corpus: Corpus, facts: CorpusFacts) -> list[str]:
    """Found and published counts by label, speaker and part, and those of the subsets that papers use."""
    compared, is_real = compare_counts(corpus, facts.counts), facts.source == "real"
    lines = []
    for kind, pairs in (("label", compared.labels), ("speaker", compared.speakers), ("part", compared.parts)):
        if pairs.keys() - {NO_VALUE}:
            published = is_real and any(pair.expected is not None for pair in pairs.values())
            lines.append(f"  {kind:<12}{'found':>7}" + (f"{'published':>11}" if published else ""))
            for name, pair in pairs.items():
                cell = f"{'' if pair.expected is None else pair.expected:>11}" if published else ""
                lines.append(f"  {name:<12}{pair.found:>7}{cell}")
    for name, subset in compared.subsets.items():
        lines.append(f"{name}: {_pair_text(subset.utterances, is_real)}")
        for kind, pairs in (("label", subset.labels), ("speaker", subset.speakers), ("session", subset.sessions)):
            cells = [f"{value} {_pair_text(pair, is_real)}" for value, pair in pairs.items()]
            lines += [f"  {kind:<8} {', '.join(cells)}"] if cells else []
    return lines


def _pair_text(pair: Pair, is_real: bool) -> str:
    return f"{pair.found}" + (f"/{pair.expected}" if is_real and pair.expected is not None else "")


def _fold_lines(corpus: Corpus, folds: Folds) -> list[str]:
    """A line for each fold, which utterances are left out, and the audit in one line."""
    lines = [f"folds of {folds.protocol} (dev {folds.dev}, fold seed {folds.fold_seed}):"]
    if folds.protocol == "speaker-text" and corpus.texts_repeat:
        limits = ", ".join(f"{field} {' '.join(values)}" for field, values in corpus.texts_repeat.items())
        lines.append(f"  of the utterances whose texts repeat: {limits}")
    lines.append(f"  {'fold':<12}{'train':>7}{'dev':>7}{'test':>7}")
    lines += [f"  {fold.name:<12}{len(fold.train):>7}{len(fold.dev):>7}{len(fold.test):>7}" for fold in folds.folds]
    lines.append(f"audit: {describe(folds.audit) if folds.protocol != ALL_DATA else 'nothing is tested'}")
    if folds.protocol == "given":
        lines += [f"warning: LEAK: {line}" for line in shared_speakers(folds.audit)]
    return lines
