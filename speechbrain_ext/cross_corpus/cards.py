"""What a reader must know of the corpora of a matrix before its scores."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from speechbrain_ext.corpora.data_folder import read_utterances
from speechbrain_ext.corpora.facts import CorpusFacts
from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.corpora.shared_classes import ClassMap, SharedClasses, left_out, share_classes
from speechbrain_ext.corpora.value_range import scale_text
from speechbrain_ext.cross_corpus.dimensions import share_dimensions, stated_facts
from speechbrain_ext.cross_corpus.request import folder_facts
from speechbrain_ext.evaluation.matrix import NOT_STATED, CorpusCard
from speechbrain_ext.preparation.near_duplicates import Recordings, near_duplicate_overlaps
from speechbrain_ext.preparation.overlaps import corpus_overlaps
from speechbrain_ext.preparation.request import CorpusRequest


def card(facts: CorpusFacts, shared: SharedClasses, items: Sequence[Utterance]) -> CorpusCard:
    """The card of a corpus: what it is, and its utterances of the shared classes."""
    task = shared.tasks[facts.corpus]
    used = [item for item in items if task.label_of(item) is not None]
    labels = [task.label_of(item) for item in used]
    stated = stated_facts(facts)
    return CorpusCard(
        corpus=facts.corpus,
        source=facts.source,
        edition=facts.edition,
        utterances=len(used),
        speakers=len({item.speaker for item in used}),
        hours=facts.counts.hours,
        language=stated.language or NOT_STATED,
        speaking=stated.speaking or NOT_STATED,
        emotions=stated.emotions or NOT_STATED,
        labels={name: labels.count(name) for name in shared.classes},
        merged=shared.merged(facts.corpus),
        left_out={} if task.dimensions else left_out(task, items),
        dimension_scale=stated.dimension_scale if task.dimensions else None,
        manifest_sha256=facts.manifest_sha256,
    )


def find_overlaps(pairs: Iterable[tuple[CorpusRequest, CorpusRequest]], jobs: int) -> dict[str, tuple[str, ...]]:
    """What each pair of prepared corpora shares, by "A + B"; it is printed, and audio in both is refused."""
    known: dict[Path, Recordings] = {}

    def recordings(corpus: CorpusRequest) -> Recordings:
        if corpus.folder not in known:
            facts = folder_facts(corpus)
            known[corpus.folder] = Recordings(corpus.folder, facts.manifest_sha256, facts.root, read_all(corpus))
        return known[corpus.folder]

    found = {}
    for one, other in pairs:
        name = f"{folder_facts(one).corpus} + {folder_facts(other).corpus}"
        ours, theirs = recordings(one), recordings(other)
        if texts := (*corpus_overlaps(ours.items, theirs.items), *near_duplicate_overlaps(ours, theirs, jobs)):
            found[name] = texts
        for text in texts:
            print(f"{name}: {text}")
    return found


def find_shared(corpora: Sequence[CorpusRequest], dimensions: Sequence[str], class_map: ClassMap) -> SharedClasses:
    """Find and print the classes that prepared corpora share, or the dimensions that are scored in their place."""
    facts = [folder_facts(corpus) for corpus in corpora]
    shared = share_dimensions(facts, dimensions) if dimensions else share_classes(facts, class_map)
    print_shared(shared)
    return shared


def print_shared(shared: SharedClasses) -> None:
    """Print the shared classes, and what labels of each corpus count as; or the dimensions and their scales."""
    if shared.dimensions:
        print(f"dimensions: {', '.join(shared.dimensions)}")
        for corpus, scale in shared.scales.items():
            print(f"  {corpus}: values from {scale_text(scale)}")
        return
    print(f"shared classes: {', '.join(shared.classes)}")
    for corpus in shared.tasks:
        for label, merged in shared.merged(corpus).items():
            print(f"  {corpus}: {label} counts as {merged}")


def read_all(corpus: CorpusRequest) -> list[Utterance]:
    """All utterances of a prepared corpus."""
    return read_utterances(corpus.folder, folder_facts(corpus))
