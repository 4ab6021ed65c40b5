"""Classes that corpora share, and what their labels count as."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from speechbrain_ext.corpora import get_corpus
from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.corpora.shared_classes import left_out, read_class_map, share_classes
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.utils.errors import UsageError, UserError

FOUR = ("anger", "happiness", "neutral", "sadness")


def facts(name: str, task: Task | None = None, labels: tuple[str, ...] = ()):
    """What stage 0 knows of a corpus, as far as classes go."""
    return SimpleNamespace(corpus=name, task=task or get_corpus(name).task, labels=labels)


def utterance(label: str | None) -> Utterance:
    return Utterance(id="a", corpus="C", wav="a.wav", speaker="s", label=label)


def test_the_usual_classes_of_emodb_and_ravdess_meet():
    shared = share_classes([facts("EmoDB"), facts("RAVDESS")])
    assert shared.classes == ("anger", "disgust", "fear", "happiness", "neutral", "sadness")
    task = shared.tasks["RAVDESS"]
    assert task.label_of(utterance("fear")) == "fear"
    assert task.label_of(utterance("calm")) is None and task.label_of(utterance("surprise")) is None
    assert shared.merged("RAVDESS") == {} and shared.merged("EmoDB") == {}


def test_excited_is_happiness_only_where_the_corpus_says_so():
    shared = share_classes([facts("IEMOCAP"), facts("RAVDESS")])
    assert shared.classes == FOUR
    assert shared.tasks["IEMOCAP"].label_of(utterance("excited")) == "happiness"
    assert shared.merged("IEMOCAP") == {"excited": "happiness"}
    assert shared.tasks["RAVDESS"].label_of(utterance("excited")) is None


def test_a_csv_has_the_classes_of_its_labels():
    table = facts("mine", Task(), ("anger", "boredom", "sadness", "surprise"))
    assert share_classes([facts("EmoDB"), table]).classes == ("anger", "boredom", "sadness")


def test_a_class_map_merges_and_leaves_out():
    labels = get_corpus("RAVDESS").task.classes
    class_map = {"RAVDESS": {"calm": "neutral", "fear": None}}
    shared = share_classes([facts("EmoDB"), facts("RAVDESS", labels=labels)], class_map)
    assert shared.classes == ("anger", "disgust", "happiness", "neutral", "sadness")
    task = shared.tasks["RAVDESS"]
    assert task.label_of(utterance("calm")) == "neutral" and task.label_of(utterance("fear")) is None
    assert shared.merged("RAVDESS") == {"calm": "neutral"}
    assert shared.tasks["EmoDB"].label_of(utterance("neutral")) == "neutral"


def test_a_class_map_switches_the_usual_merge_off():
    shared = share_classes([facts("IEMOCAP", labels=("excited",)), facts("EmoDB")], {"IEMOCAP": {"excited": None}})
    assert shared.tasks["IEMOCAP"].label_of(utterance("excited")) is None


def test_a_merge_into_a_class_that_is_not_shared_is_dropped():
    labels = get_corpus("RAVDESS").task.classes
    shared = share_classes([facts("IEMOCAP"), facts("RAVDESS", labels=labels)], {"RAVDESS": {"calm": "surprise"}})
    assert shared.merged("RAVDESS") == {} and shared.tasks["RAVDESS"].label_of(utterance("calm")) is None


@pytest.mark.parametrize(
    ("corpora", "class_map", "words"),
    [
        (["EmoDB", "EmoDB"], {}, "EmoDB: expected corpora of different names, found it twice"),
        (["EmoDB", "RAVDESS"], {"RAVDES": {}}, "RAVDES: expected one of EmoDB, RAVDESS: did you mean RAVDESS?"),
    ],
)
def test_corpora_that_do_not_fit_are_refused(corpora, class_map, words):
    with pytest.raises(UserError, match=words.replace("?", r"\?")):
        share_classes([facts(name) for name in corpora], class_map)


def test_fewer_than_two_shared_classes_are_refused_with_the_classes_of_each():
    table = facts("mine", Task(), ("anger", "surprise"))
    with pytest.raises(UserError, match="found anger .*mine: anger, surprise.*--class-map"):
        share_classes([facts("EmoDB"), table])


def test_labels_that_are_left_out_are_counted():
    task = share_classes([facts("EmoDB"), facts("RAVDESS")]).tasks["RAVDESS"]
    items = [utterance(label) for label in ("calm", "calm", "fear", "surprise", None)]
    assert left_out(task, items) == {"calm": 2, "surprise": 1}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not JSON"),
        ("[]", "expected an object by corpus"),
        ('{"RAVDESS": 1}', "expected an object by corpus"),
        ('{"RAVDESS": {"calme": "neutral"}}', "RAVDESS: 'calme': expected one of .*did you mean calm"),
        ('{"RAVDESS": {"calm": "neutrl"}}', "'neutrl': .*did you mean neutral"),
        ('{"RAVDESS": {"calm": 1}}', "RAVDESS: 1: expected one of"),
    ],
)
def test_a_wrong_class_map_is_named(tmp_path, text, words):
    (tmp_path / "map.json").write_text(text)
    with pytest.raises(UserError, match=words):
        read_class_map(tmp_path / "map.json")


def test_a_class_map_is_read(tmp_path):
    content = {"RAVDESS": {"calm": "neutral", "fear": None}}
    (tmp_path / "map.json").write_text(json.dumps(content))
    assert read_class_map(tmp_path / "map.json") == content
    with pytest.raises(UserError, match="expected a JSON file, found none"):
        read_class_map(tmp_path / "other.json")


def test_merge_labels_is_a_key_of_a_task():
    task = Task.from_keys({"classes": ["anger", "neutral"], "merge_labels": ["calm=neutral"]}, "here")
    assert task.label_of(utterance("calm")) == "neutral"
    assert task.to_dict()["merge_labels"] == ["calm=neutral"] and "merge_labels" not in Task().to_dict()
    assert task.name(Task(("anger", "neutral"))) == "merge-labels-calm=neutral"
    with pytest.raises(UsageError, match="calme=neutral: expected two emotions"):
        Task.from_keys({"merge_labels": ["calme=neutral"]}, "here")
    with pytest.raises(UsageError, match="calm is a class itself"):
        Task.from_keys({"classes": ["anger", "calm"], "merge_labels": ["calm=anger"]}, "here")
