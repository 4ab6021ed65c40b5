"""What stage 0 prints: counts beside the published ones, the annotators' agreement, the folds and their audit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from speechbrain_ext.corpora.facts import NO_VALUE, CorpusFacts
from speechbrain_ext.preparation.edition import Pair, compare_counts

if TYPE_CHECKING:
    from speechbrain_ext.corpora import Corpus
    from speechbrain_ext.corpora.manifest import Utterance
    from speechbrain_ext.preparation.folds import Folds


def counts(corpus: Corpus, facts: CorpusFacts) -> list[str]:
    """Found beside published: labels, speakers, parts; and the subsets that papers use."""
    real, both = facts.source == "real", compare_counts(corpus, facts.counts)
    lines = []
    for kind, pairs in (("label", both.labels), ("speaker", both.speakers), ("part", both.parts)):
        if pairs.keys() - {NO_VALUE}:
            lines += _table(kind, pairs, real)
    for name, subset in both.subsets.items():
        lines.append(f"{name}: {_pair(subset.utterances, real)}")
        for kind, pairs in (("label", subset.labels), ("speaker", subset.speakers), ("session", subset.sessions)):
            cells = [f"{value} {_pair(pair, real)}" for value, pair in pairs.items()]
            lines += [f"  {kind:<8} {', '.join(cells)}"] if cells else []
    return lines


def _table(kind: str, pairs: Mapping[str, Pair], real: bool) -> list[str]:
    published = real and any(pair.expected is not None for pair in pairs.values())
    lines = [f"  {kind:<12}{'found':>7}" + (f"{'published':>11}" if published else "")]
    for name, pair in pairs.items():
        known = "" if pair.expected is None else pair.expected
        lines.append(f"  {name:<12}{pair.found:>7}" + (f"{known:>11}" if published else ""))
    return lines


def _pair(pair: Pair, real: bool) -> str:
    return f"{pair.found}" + (f"/{pair.expected}" if real and pair.expected is not None else "")


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
