"""IEMOCAP's published counts, from label files of a writer that shares no code with the parser."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from label_trees import FIVE, SUFFIXED_WOMEN, write_iemocap_labels

from speechbrain_ext.corpora import iemocap
from speechbrain_ext.corpora.iemocap import CORPUS, scan
from speechbrain_ext.preparation import edition


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The utterances of a tree with the published counts, and the notes."""
    notes = []
    return scan(write_iemocap_labels(tmp_path_factory.mktemp("iemocap")), notes), notes


def test_a_tree_of_the_published_counts_comes_out_right(published):
    utterances, notes = published
    assert notes == [] and len(utterances) == 10039
    assert Counter(item.extra["emotion_code"] for item in utterances) == dict(
        neu=1708, hap=595, exc=1041, sad=1084, ang=1103, fru=1849, sur=107, fea=40, dis=2, oth=3, xxx=2507
    )
    five = [item for item in utterances if item.extra["emotion_code"] in FIVE]
    assert len(five) == 5531 and sum(item.label == "excited" for item in five) == 5531 - 4490
    counts = Counter((item.session, item.extra["emotion_code"]) for item in five)
    for session, row in {
        "1": (384, 229, 194, 135, 143),
        "2": (362, 137, 197, 117, 210),
        "3": (320, 240, 305, 135, 151),
        "4": (258, 327, 143, 65, 238),
        "5": (384, 170, 245, 143, 299),
    }.items():
        assert tuple(counts[session, code] for code in ("neu", "ang", "sad", "hap", "exc")) == row
    assert Counter(item.session for item in five) == {"1": 1085, "2": 1023, "3": 1151, "4": 1031, "5": 1241}
    assert Counter(item.speaker for item in five) == {
        **dict(Ses01F=528, Ses01M=557, Ses02F=481, Ses02M=542, Ses03F=522),
        **dict(Ses03M=629, Ses04F=528, Ses04M=503, Ses05F=590, Ses05M=651),
    }
    scenes = Counter(item.label for item in five if item.scenario == "improvised")
    assert scenes == dict(neutral=1099, sadness=608, happiness=284, excited=663, anger=289)


def test_no_woman_of_a_dialog_with_a_letter_is_filed_as_the_man(published):
    """65 of the 5531, whom a public tool misfiles by reading letters at fixed places."""
    five = [item for item in published[0] if item.extra["emotion_code"] in FIVE]
    women = Counter(item.extra["dialog"] for item in five if item.gender == "F" and item.extra["dialog"][-1] in "ab")
    assert women == SUFFIXED_WOMEN and sum(women.values()) == 65
    misfiled = [item for item in five if item.id["script" in item.id and 18 or 15] != item.gender]
    assert {item.speaker for item in misfiled if item.gender == "F"} == {"Ses03F", "Ses05F"}
    assert sum(item.gender == "F" for item in misfiled) == 65


def test_both_speakers_are_in_the_dialogs_of_either_side(published):
    """A tool that takes the dialog's name for the speaker puts the other's utterances on both sides of a split."""
    sides = Counter((item.id.split("_")[0], item.speaker) for item in published[0])
    assert len(sides) == 20 and min(sides.values()) > 100
    assert {speaker for _, speaker in sides} == {f"Ses0{session}{letter}" for session in range(1, 6) for letter in "FM"}


def test_the_counts_of_the_tree_are_those_that_the_corpus_knows(published):
    counts = edition.count(published[0], CORPUS.expected.subsets)
    assert edition.differences(CORPUS, counts) == []
    assert sum(CORPUS.expected.labels.values()) == CORPUS.expected.utterances
    for subset in CORPUS.expected.subsets:
        for known in (subset.labels, subset.speakers, subset.sessions):
            assert not known or sum(known.values()) == subset.utterances
    without_excited = CORPUS.expected.subsets[1]
    assert without_excited.sessions == {"1": 942, "2": 813, "3": 1000, "4": 793, "5": 942}
    moved = [*published[0][:-1]]
    assert edition.differences(CORPUS, replace(edition.count(moved), subsets=counts.subsets))


def test_facts_of_the_corpus():
    assert CORPUS.classes == ("anger", "happiness", "neutral", "sadness") and CORPUS.task.merge_excited
    assert CORPUS.protocols == ("session", "speaker", "speaker5", "random5", "speaker-text")
    assert CORPUS.scan is iemocap.scan and CORPUS.download is None and CORPUS.labels_apart
