"""What every corpus of the registry keeps to."""

import pytest

from speechbrain_ext.corpora import CORPORA, get_corpus
from speechbrain_ext.corpora.labels import EMOTIONS, in_order
from speechbrain_ext.preparation.protocols import PROTOCOLS
from speechbrain_ext.utils.errors import UserError


@pytest.mark.parametrize("key", CORPORA)
def test_facts_are_whole_and_agree(key):
    corpus = CORPORA[key]
    assert corpus.key == key == key.lower()
    assert get_corpus(corpus.name.upper()) is get_corpus(key) is corpus
    assert corpus.root_variable.endswith("_ROOT") and corpus.root_variable.isupper()
    assert corpus.title and corpus.licence and corpus.layout and "\n" not in corpus.layout
    assert corpus.citation.startswith("@")
    assert set(corpus.classes) <= set(EMOTIONS) and list(corpus.classes) == in_order(corpus.classes)
    assert corpus.protocols and set(corpus.protocols) <= set(PROTOCOLS)
    assert corpus.expected.hours is None or corpus.expected.hours > 0
    for counts in (corpus.expected.labels, corpus.expected.speakers, corpus.expected.parts):
        assert not counts or sum(counts.values()) == corpus.expected.utterances


@pytest.mark.parametrize("key", CORPORA)
def test_wrong_folders_are_told_in_one_line(key, tmp_path):
    (tmp_path / "file").write_text("")
    for root in (tmp_path, tmp_path / "missing", tmp_path / "file"):
        with pytest.raises(UserError) as caught:
            CORPORA[key].scan(root)
        told = str(caught.value)
        assert str(root) in told and "--corpus-root" in told and CORPORA[key].layout in told and "\n" not in told


@pytest.mark.parametrize("key", CORPORA)
def test_subsets_that_papers_use_agree_with_themselves(key):
    for subset in CORPORA[key].expected.subsets:
        assert subset.task.classes == CORPORA[key].classes
        for counts in (subset.labels, subset.speakers, subset.sessions):
            assert not counts or sum(counts.values()) == subset.utterances, subset.name


def test_unknown_corpus_tells_the_nearest():
    with pytest.raises(UserError, match="did you mean EmoDB"):
        get_corpus("EmoBD")
    with pytest.raises(UserError, match="expected one of IEMOCAP, EmoDB, MSP-IMPROV"):
        get_corpus("zzz")


def test_vocabulary_is_the_contract():
    assert EMOTIONS == tuple(
        "anger boredom calm contempt disgust excited fear frustration happiness neutral sadness surprise other".split()
    )
    with pytest.raises(ValueError, match="rage"):
        in_order(["anger", "rage"])
