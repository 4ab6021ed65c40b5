"""Folds that come from a file are compared with the corpus as it is now; what an audit says is said in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.preparation.audit import audit, check_folds, confounded, describe, shared_speakers
from speechbrain_ext.preparation.folds import Audit, Fold
from speechbrain_ext.preparation.protocols import make_folds
from speechbrain_ext.utils.errors import UserError

LABELS = ("anger", "fear")


def corpus(speakers=3):
    """Each speaker says one text with each label; no two recordings are the same."""
    return [
        Utterance(
            id=f"s{speaker}{label}",
            corpus="C",
            wav=f"s{speaker}{label}.wav",
            speaker=f"s{speaker}",
            label=label,
            text_id="t",
            session="1",
            sha256=f"{speaker}{label}",
        )
        for speaker in range(speakers)
        for label in LABELS
    ]


ITEMS = corpus()
FOLDS = make_folds(ITEMS, "speaker")


def test_folds_as_stage_0_made_them_pass():
    check_folds("folds.json", FOLDS, ITEMS, "./run.sh")


def test_an_utterance_that_left_the_manifest_is_named_with_its_fold():
    first = FOLDS.folds[0].ids[0]
    with pytest.raises(UserError, match=f"'{first}' in fold {FOLDS.folds[0].name}, which is not in the manifest"):
        check_folds("folds.json", FOLDS, [item for item in ITEMS if item.id != first], "./run.sh")


def test_another_audit_is_named_by_what_differs_and_nothing_else():
    edited = replace(FOLDS, audit=replace(FOLDS.audit, text_overlap={}))
    with pytest.raises(UserError, match=r"another audit than its folds have \(text_overlap\): .*\./run\.sh"):
        check_folds("folds.json", edited, ITEMS, "./run.sh")


def test_a_leak_in_a_file_of_folds_names_the_file_and_the_command():
    fold = FOLDS.folds[0]
    *test, moved = fold.test
    leaking = replace(FOLDS, folds=(replace(fold, train=(*fold.train, moved), test=tuple(test)), *FOLDS.folds[1:]))
    with pytest.raises(UserError, match=r"^folds\.json: .*speaker overlap.*make it again with: \./run\.sh$"):
        check_folds("folds.json", leaking, ITEMS, "./run.sh")


def test_speakers_on_both_sides_are_counted_and_named_by_fold():
    found = Audit({"1": ("s0", "s1"), "2": ("s2",)}, {}, {}, {})
    assert shared_speakers(found) == [
        "fold 1: 2 speakers are in training and test: s0, s1",
        "fold 2: 1 speakers are in training and test: s2",
    ]
    assert shared_speakers(replace(found, speaker_overlap={})) == []
    assert shared_speakers(replace(found, speaker_overlap=None)) == []


def test_sentences_are_unknown_without_a_column_of_texts():
    nowhere = Audit({}, {}, None, {})
    for missing in (None, (4, 4)):
        assert describe(replace(nowhere, text_missing=missing)).endswith("sentences unknown (no column text)")
    assert describe(replace(nowhere, text_missing=(1, 4))).endswith("sentences unknown (no text of 1)")


@pytest.mark.parametrize(
    ("alone", "speakers", "warned"), [(1, 10, True), (1, 11, False), (0, 10, False), (11, 11, True)]
)
def test_a_tenth_of_the_speakers_with_one_emotion_is_warned_of(alone, speakers, warned):
    items = [item for item in corpus(speakers) if item.label == "anger" or int(item.speaker[1:]) >= alone]
    share = f"{alone} of {speakers} speakers ({100 * alone / speakers:.0f} %) have one emotion only"
    expected = [f"emotion and speaker are confounded: {share}"] if warned else []
    assert confounded(lambda item: item.label, items) == expected
    assert confounded(lambda item: None, items) == []


def test_every_pair_of_the_same_audio_is_counted_once_and_the_first_is_named():
    items = [replace(item, sha256="same") if item.label == "anger" else item for item in ITEMS]
    fold = Fold("f", train=("s0anger", "s1anger"), dev=(), test=("s2anger", "s2fear"))
    with pytest.raises(UserError, match="2 pairs of utterances .* first s0anger and s2anger in fold f"):
        audit("speaker", [fold], items)
