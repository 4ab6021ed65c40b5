"""What a reader must know of the corpora of a matrix before its scores."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from speechbrain_ext.corpora.data_folder import read_utterances
from speechbrain_ext.corpora.facts import CorpusFacts
from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.corpora.shared_classes import SharedClasses, left_out
from speechbrain_ext.corpora.value_range import scale_text
from speechbrain_ext.cross_corpus.dimensions import stated_facts
from speechbrain_ext.cross_corpus.request import MatrixRequest, folder_facts
from speechbrain_ext.evaluation.matrix import NOT_STATED, CorpusCard
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


def find_overlaps(request: MatrixRequest) -> dict[str, tuple[str, ...]]:
    """What each two corpora share, by "A + B"; it is printed, and audio in both is refused."""
    items = {folder_facts(corpus).corpus: read_all(corpus) for corpus in request.corpora}
    found = {f"{one} + {other}": corpus_overlaps(items[one], items[other]) for one, other in combinations(items, 2)}
    for pair, texts in found.items():
        for text in texts:
            print(f"{pair}: {text}")
    return {pair: texts for pair, texts in found.items() if texts}


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
