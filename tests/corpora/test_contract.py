"""What every corpus of the registry keeps to, and that a new one needs no edit of a file that is there."""

from __future__ import annotations

import sys

import pytest
from recipe_list import RECIPES

from speechbrain_ext import corpora, testing
from speechbrain_ext.corpora import CORPORA, find_corpora, get_corpus
from speechbrain_ext.corpora.labels import EMOTIONS, in_order
from speechbrain_ext.hparams import list_systems, load_system
from speechbrain_ext.preparation.names import PROTOCOLS
from speechbrain_ext.testing import find_writers
from speechbrain_ext.utils.errors import UserError


@pytest.mark.parametrize("key", CORPORA)
def test_facts_are_complete_and_agree(key):
    corpus = CORPORA[key]
    assert corpus.key == key == key.lower()
    assert get_corpus(corpus.name.upper()) is get_corpus(key) is corpus
    assert corpus.root_variable.endswith("_ROOT") and corpus.root_variable.isupper()
    assert corpus.title and corpus.licence and corpus.layout and "\n" not in corpus.layout
    assert corpus.citation.startswith("@")
    assert corpus.language and corpus.emotions, "what a score across corpora is read with"
    assert corpus.speaking in ("scripted", "spontaneous", "scripted and spontaneous")
    assert set(corpus.classes) <= set(EMOTIONS) and list(corpus.classes) == in_order(corpus.classes)
    assert corpus.protocols and set(corpus.protocols) <= set(PROTOCOLS)
    assert corpus.expected.hours is None or corpus.expected.hours > 0
    for counts in (corpus.expected.labels, corpus.expected.speakers, corpus.expected.parts):
        assert not counts or sum(counts.values()) == corpus.expected.utterances


@pytest.mark.parametrize("key", CORPORA)
def test_wrong_folders_are_named_in_one_line(key, tmp_path):
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


@pytest.mark.parametrize("key", CORPORA)
def test_a_corpus_has_a_writer_and_a_recipe_for_every_system(key):
    assert key in find_writers()
    recipe = RECIPES / CORPORA[key].name
    assert all((recipe / name).is_file() for name in ("run.sh", "corpus.yaml", "README.md"))
    for system in list_systems(RECIPES / "shared"):
        assert load_system(recipe, system).corpus == CORPORA[key].name


def test_every_writer_and_recipe_is_of_a_corpus():
    assert find_writers().keys() == CORPORA.keys()
    names = {path.parent.name for path in RECIPES.glob("*/corpus.yaml")}
    assert names == {corpus.name for corpus in CORPORA.values()} | {"shared"}


def test_a_new_corpus_is_found_without_an_edit(tmp_path, monkeypatch):
    """A module in corpora, a writer in testing and a recipe's folder are enough."""
    for folder, text in {
        "corpora": """
from dataclasses import replace
from speechbrain_ext.corpora import emodb
CORPUS = replace(emodb.CORPUS, name="Made-Up", key="madeup", root_variable="MADE_UP_ROOT", protocols=("speaker",))
""",
        "testing": """
from pathlib import Path
def write_corpus(root, seed=0, progress=False):
    Path(root).mkdir()
""",
        "recipes": "",
    }.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "made_up.py").write_text(text)
    monkeypatch.setattr(corpora, "__path__", [*corpora.__path__, str(tmp_path / "corpora")])
    monkeypatch.setattr(testing, "__path__", [*testing.__path__, str(tmp_path / "testing")])
    try:
        found = find_corpora()
        assert found.keys() == CORPORA.keys() | {"madeup"} and found["madeup"].name == "Made-Up"
        find_writers()["madeup"](tmp_path / "mini")
        assert (tmp_path / "mini").is_dir()
        monkeypatch.setattr(corpora, "CORPORA", found)
        assert get_corpus("made-up").key == "madeup"
        (tmp_path / "recipes/corpus.yaml").write_text("corpus: Made-Up\n")
        loaded = load_system(tmp_path / "recipes", "svm", trust=True)
        assert (loaded.corpus, loaded.protocol, loaded.task) == ("Made-Up", "speaker", found["madeup"].task)
    finally:
        for name in ("corpora", "testing"):
            sys.modules.pop(f"speechbrain_ext.{name}.made_up", None)
            delattr(sys.modules[f"speechbrain_ext.{name}"], "made_up")


def test_a_new_system_is_found_without_an_edit(tmp_path):
    (tmp_path / "systems").mkdir()
    (tmp_path / "corpus.yaml").write_text("corpus: EmoDB\n")
    text = (RECIPES / "shared/systems/svm.yaml").read_text(encoding="utf-8")
    (tmp_path / "systems/made_up.yaml").write_text(text)
    assert list_systems(tmp_path) == sorted([*list_systems(RECIPES / "shared"), "made_up"])
    assert load_system(tmp_path, "made_up", trust=True).phases == load_system(RECIPES / "EmoDB", "svm").phases


def test_the_nearest_name_to_an_unknown_corpus_is_given():
    with pytest.raises(UserError, match="did you mean EmoDB"):
        get_corpus("EmoBD")
    with pytest.raises(UserError, match="expected one of .*EmoDB, IEMOCAP, MSP-IMPROV"):
        get_corpus("zzz")


def test_vocabulary_is_the_contract():
    assert EMOTIONS == tuple(
        "anger boredom calm contempt disgust excited fear frustration happiness neutral sadness surprise other".split()
    )
    with pytest.raises(ValueError, match="rage"):
        in_order(["anger", "rage"])
