"""Votes to labels and targets, against a table computed by hand; the keys; the annotators' agreement."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch

from speechbrain_ext.corpora.labels import count_votes, majority, most_voted, vote_shares
from speechbrain_ext.corpora.manifest import Utterance, Vote
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.losses.soft_target import soft_target_loss
from speechbrain_ext.preparation.agreement import describe_agreement, human_ceiling, krippendorff_alpha
from speechbrain_ext.utils.errors import UsageError

FOUR = ("anger", "happiness", "neutral", "sadness")


def utterance(label, votes, **more):
    raters = [Vote(f"E{number}", labels.split()) for number, labels in enumerate(votes, 1)]
    return Utterance(id="u", corpus="C", wav="u.wav", speaker="s", label=label, votes=raters, **more)


# consensus, votes, clear by consensus, clear by votes, counts (anger happiness neutral sadness), soft target
BY_HAND = [
    ("anger", ["anger", "anger", "neutral"], "anger", "anger", [2, 0, 1, 0], [2 / 3, 0, 1 / 3, 0]),
    ("anger", ["anger", "anger", "anger"], "anger", "anger", [3, 0, 0, 0], [1, 0, 0, 0]),
    # excited is happiness when merged, and one annotator's two names for it are one vote
    ("excited", ["excited", "excited happiness", "fear"], "happiness", "happiness", [0, 2, 0, 0], [0, 1, 0, 0]),
    # an annotator with two labels votes for both; the tie of two shared classes is undefined by votes
    ("neutral", ["neutral sadness", "neutral", "sadness"], "neutral", None, [0, 0, 2, 2], [0, 0, 0.5, 0.5]),
    # no agreement, two different classes: ambiguous
    (None, ["anger", "sadness", "frustration"], None, None, [1, 0, 0, 1], [0.5, 0, 0, 0.5]),
    # three different classes
    (None, ["anger", "happiness", "neutral"], None, None, [1, 1, 1, 0], [1 / 3, 1 / 3, 1 / 3, 0]),
    # consensus outside the classes, one vote for a class: ambiguous
    ("frustration", ["frustration", "frustration", "anger"], None, None, [1, 0, 0, 0], [1, 0, 0, 0]),
    # two share a class though the release's label is another
    ("frustration", ["frustration anger", "frustration", "anger"], None, "anger", [2, 0, 0, 0], [1, 0, 0, 0]),
    # nothing for a class: left out
    ("frustration", ["frustration", "frustration", "other"], None, None, [0, 0, 0, 0], None),
    (None, [], None, None, [0, 0, 0, 0], None),
]


@pytest.mark.parametrize(("label", "votes", "consensus", "shared", "counts", "soft"), BY_HAND)
def test_votes_by_hand(label, votes, consensus, shared, counts, soft):
    item = utterance(label, votes)
    task = Task(FOUR, merge_excited=True, soft_target="votes")
    by_votes = replace(task, clear="votes")
    assert task.label_of(item) == consensus and by_votes.label_of(item) == shared
    assert task.counts_of(item) == counts
    assert task.is_ambiguous(item) == (consensus is None and sum(counts) > 0)
    assert by_votes.is_ambiguous(item) == (shared is None and sum(counts) > 0)
    if soft is not None:
        assert task.target_of(item) == pytest.approx(soft)
        smoothed = [(0.75 + count) / (3.0 + sum(counts)) for count in counts]
        assert replace(task, soft_target_alpha=0.75).target_of(item) == pytest.approx(smoothed)
    else:
        with pytest.raises(ValueError, match="expected a vote"):
            task.target_of(item)


def test_excited_is_its_own_or_left_out_when_not_merged():
    item = utterance("excited", ["excited", "excited", "happiness"])
    assert Task(FOUR).label_of(item) is None and Task(FOUR).is_ambiguous(item)
    assert Task((*FOUR, "excited")).label_of(item) == "excited"
    assert Task(FOUR).target_of(item) == [0, 1, 0, 0]


def test_majority_targets_are_one_class_or_shares_of_a_tie():
    task = Task(FOUR, train_utterances="clear+ambiguous")
    assert task.target_of(utterance("anger", ["neutral", "neutral", "anger"])) == [1, 0, 0, 0]
    assert task.target_of(utterance(None, ["neutral", "sadness", "fear"])) == [0, 0, 0.5, 0.5]
    assert task.target_of(utterance("anger", [])) == [1, 0, 0, 0]
    # a label that no vote names is its only vote
    assert replace(task, soft_target="votes").target_of(utterance("anger", ["fear", "fear"])) == [1, 0, 0, 0]


def test_scenario_part_and_the_emotion_asked_for():
    item = utterance("anger", [], scenario="scripted", part="S", intended="sadness")
    assert Task(FOUR).label_of(item) == "anger"
    assert Task(FOUR, emotion="intended").label_of(item) == "sadness"
    assert Task(FOUR, scenarios=("improvised",)).label_of(item) is None
    assert Task(FOUR, parts=("S", "T")).label_of(item) == "anger"
    assert Task(FOUR, parts=("P",)).label_of(item) is None
    assert not Task(FOUR, parts=("P",)).is_ambiguous(utterance(None, ["anger"], part="S"))


def test_dimensions():
    task = Task(FOUR, dimensions=("dominance", "valence"))
    item = utterance(None, [], vad=[1.5, 2.5, 3.5])
    assert task.values_of(item) == task.target_of(item) == [3.5, 1.5]
    assert task.label_of(item) == "" and task.outputs == 2
    assert task.label_of(utterance("anger", [], vad=[1.0, 2.0, None])) is None
    assert task.label_of(utterance("anger", [])) is None


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"classes": ["anger"]}, "at least two"),
        ({"classes": ["anger", "rage"]}, "rage"),
        ({"classes": "anger"}, "a list"),
        ({"classes": ["anger", "anger"]}, "twice"),
        ({"merge_excited": "yes"}, "True or False"),
        ({"classes": ["excited", "happiness"], "merge_excited": True}, "class of its own"),
        ({"clear": "vote"}, "consensus, votes"),
        ({"train_utterances": "all"}, "clear+ambiguous"),
        ({"soft_target": "soft"}, "majority, votes"),
        ({"soft_target_alpha": -1}, "0 or more"),
        ({"dimensions": ["arousal"]}, "valence, activation, dominance"),
        ({"emotion": "felt"}, "perceived, intended"),
    ],
)
def test_wrong_keys_are_told_by_name(keys, told):
    with pytest.raises(UsageError) as caught:
        Task.from_keys(keys, "a.yaml")
    assert told in str(caught.value) and str(caught.value).startswith(f"a.yaml: {list(keys)[-1]}: ")


def test_names_tell_what_differs():
    usual = Task(FOUR, merge_excited=True)
    assert usual.name(usual) == ""
    assert replace(usual, merge_excited=False, scenarios=("improvised",)).name(usual) == (
        "merge-excited-False.scenarios-improvised"
    )
    assert replace(usual, soft_target="votes", soft_target_alpha=0.5).name(usual) == ""
    every = [replace(usual, **{key: value}) for key, value in (("clear", "votes"), ("emotion", "intended"))]
    every += [replace(usual, train_utterances="clear+ambiguous"), replace(usual, dimensions=("valence",))]
    names = [task.name(usual) for task in every]
    assert len(set(names)) == len(names) and all(names)
    assert Task.from_keys(usual.to_dict(), "x") == usual


def test_counts_and_shares():
    assert count_votes([["anger"], ["anger", "fear"], []], ("fear", "anger")) == [1, 2]
    assert majority([1, 0]) is None and majority([0, 3]) == 1 and majority([]) is None
    assert vote_shares([0, 0], alpha=1.0) == [0.5, 0.5]
    for call in (lambda: vote_shares([0, 0]), lambda: vote_shares([1, 0], -1.0), lambda: most_voted([0, 0])):
        with pytest.raises(ValueError, match="expected"):
            call()


def test_soft_target_loss_is_cross_entropy():
    torch.manual_seed(0)
    logits = torch.randn(7, 4, dtype=torch.float64, requires_grad=True)
    targets = torch.tensor([0, 1, 2, 3, 0, 0, 2])
    one_hot = torch.nn.functional.one_hot(targets, 4).double()
    weights = torch.tensor([0.5, 1.0, 2.0, 4.0], dtype=torch.float64)
    for weight in (None, weights):
        for smoothing in (0.0, 0.2):
            wanted = torch.nn.functional.cross_entropy(logits, targets, weight=weight, label_smoothing=smoothing)
            assert torch.allclose(soft_target_loss(logits, one_hot, weight, smoothing), wanted, rtol=1e-12)
    shares = torch.distributions.Dirichlet(torch.ones(4, dtype=torch.float64)).sample((7,))
    found = soft_target_loss(logits, shares)
    values, parts = logits.detach().numpy(), shares.numpy()
    log_posteriors = values - np.log(np.exp(values).sum(1, keepdims=True))
    wanted = -np.mean([sum(parts[i, k] * log_posteriors[i, k] for k in range(4)) for i in range(7)])
    assert found.item() == pytest.approx(wanted, rel=1e-12)
    assert torch.autograd.gradcheck(lambda x: soft_target_loss(x, shares, weights, 0.1), logits)
    with pytest.raises(ValueError, match="expected shares"):
        soft_target_loss(logits, shares[:, :3])


def test_alpha_of_the_textbook_and_of_the_definition():
    observers = ["123321412***", "1233224125*3", "*3332342251*", "12332441251*"]
    assert all(len(row) == 12 for row in observers)
    units = [[row[place] for row in observers if row[place] != "*"] for place in range(12)]
    assert krippendorff_alpha(units) == pytest.approx(0.743, abs=0.0005)
    # by the definition: 1 - observed / expected disagreement of pairs
    several = [unit for unit in units if len(unit) > 1]
    number = sum(map(len, several))
    pairs = [sum(a != b for a, b in combinations(unit, 2)) * 2 / (len(unit) - 1) for unit in several]
    values = [value for unit in several for value in unit]
    expected = sum(a != b for a, b in combinations(values, 2)) * 2 / (number - 1)
    assert krippendorff_alpha(units) == pytest.approx(1 - sum(pairs) / expected)
    assert krippendorff_alpha([["a"], []]) is None and krippendorff_alpha([["a", "a"]]) is None


def test_human_ceiling_by_hand():
    items = [
        utterance("anger", ["anger", "anger", "sadness"]),  # right, right; the others of the third agree: wrong
        utterance("sadness", ["sadness", "sadness", "sadness"]),  # three right
        utterance(None, ["anger", "sadness", "neutral"]),  # not clear
    ]
    # of the first: rater 1 against (anger, sadness), a tie; rater 2 the same; rater 3 against (anger, anger)
    found = human_ceiling(items, Task(FOUR))
    assert found.n == 4 and found.wa == pytest.approx(3 / 4) and found.uar == pytest.approx(1 / 2)
    assert human_ceiling(items[2:], Task(FOUR)) is None
    told = describe_agreement(items, Task(FOUR))
    assert "3, 9 votes" in told[0] and "alpha" in told[1] and "WA 75.0, UAR 50.0" in told[2]
