"""Folds of other tasks than labelled utterances: ambiguous ones, folds that a table names, dimensions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from speechbrain_ext.corpora.manifest import Utterance, Vote
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.preparation.names import DEV_RULES, PROTOCOLS
from speechbrain_ext.preparation.protocols import make_folds
from speechbrain_ext.utils.errors import UserError

ALL = [(protocol, dev) for protocol in PROTOCOLS for dev in DEV_RULES if dev != "given"]


def voted(name, speaker, session, text, label, *votes):
    return Utterance(
        id=name,
        corpus="C",
        wav=f"{name}.wav",
        sha256=name,
        speaker=speaker,
        session=session,
        text_id=text,
        label=label,
        votes=[Vote(str(place), list(labels)) for place, labels in enumerate(votes)],
    )


def ambiguous_corpus():
    """Each speaker says each text clearly in two emotions, and once so that one of three hears anger."""
    items = []
    for place in range(6):
        for text in ("t0", "t1"):
            who = (f"s{place}", str(place // 2), text)
            for label in ("anger", "sadness"):
                items += [voted(f"{label}-{who[0]}-{text}-{n}", *who, label, [label], [label], ["fear"]) for n in "ab"]
            items.append(voted(f"unclear-{who[0]}-{text}", *who, None, ["anger"], ["fear"], ["other"]))
            items.append(voted(f"left-out-{who[0]}-{text}", *who, None, ["fear"], ["fear"], ["other"]))
    return items


@pytest.mark.parametrize(("protocol", "dev"), [pair for pair in ALL if pair[0] != "given"])
def test_ambiguous_utterances_train_alone_and_never_beside_their_unit(protocol, dev):
    items = ambiguous_corpus()
    by_id = {item.id: item for item in items}
    task = Task(("anger", "sadness"), train_utterances="clear+ambiguous")
    kept_apart = {
        "random5": (),
        "speaker": ("speaker",),
        "speaker5": ("speaker",),
        "session": ("session",),
        "speaker-text": ("speaker", "text_id"),
    }
    used = 0
    for fold in make_folds(items, protocol, dev, task=task).folds:
        assert not [name for part in ("dev", "test") for name in fold.part(part) if "unclear" in name]
        assert not [name for name in fold.train if "left-out" in name]
        wanted = set()
        for name, item in by_id.items():
            of_unit = any(
                getattr(item, field) == getattr(by_id[tested], field)
                for field in kept_apart[protocol]
                for tested in fold.test
            )
            developed = dev in ("speaker", "session") and any(
                getattr(item, dev) == getattr(by_id[other], dev) for other in fold.dev
            )
            if "unclear" in name and not of_unit and not developed:
                wanted.add(name)
        assert {name for name in fold.train if "unclear" in name} == wanted
        used += len(wanted)
    assert used
    without = make_folds(items, protocol, dev, task=Task(("anger", "sadness")))
    assert not any("unclear" in name for fold in without.folds for name in fold.train)


CLEAR = [item for item in ambiguous_corpus() if item.label is not None]


def test_given_folds_need_a_fold_for_every_utterance():
    items = [replace(item, extra={}) for item in CLEAR]
    with pytest.raises(UserError, match=f"{len(CLEAR)} utterances name no fold"):
        make_folds(items, "given")
    with pytest.raises(UserError, match=f"{len(CLEAR) - 1} utterances name no fold"):
        make_folds([replace(items[0], extra={"fold": 1}), *items[1:]], "given")


def test_one_given_fold_is_no_split():
    with pytest.raises(UserError, match="only one fold is named"):
        make_folds([replace(item, extra={"fold": 1}) for item in CLEAR], "given")


def test_a_corpus_without_the_dimensions_is_refused_by_their_names():
    with pytest.raises(UserError, match="no utterance has valence and dominance: choose classes in place of dim"):
        make_folds(CLEAR, "random5", task=Task(("anger", "sadness"), dimensions=("valence", "dominance")))


def test_dimensions_use_every_utterance_that_has_them():
    values = [[1.0, 2.0, None if place % 7 == 0 else 3.0] for place in range(len(CLEAR))]
    items = [replace(item, label=None, vad=vad) for item, vad in zip(CLEAR, values, strict=True)]
    folds = make_folds(items, "random5", task=Task(("anger", "sadness"), dimensions=("valence", "dominance")))
    tested = {name for fold in folds.folds for name in fold.test}
    assert tested == {item.id for item in items if item.vad[2] is not None}
    sizes = [len(fold.test) for fold in folds.folds]
    assert max(sizes) - min(sizes) <= 1


def partitioned(**partitions):
    """Utterances of the speakers named, each in its partition."""
    named = {speaker: name for name, speakers in partitions.items() for speaker in speakers.split()}
    return [replace(item, extra={"partition": named[item.speaker]}) for item in CLEAR if item.speaker in named]


def test_partitions_are_trained_developed_and_tested_on_as_named():
    items = partitioned(train="s0 s1 s2", dev="s3", test1="s4", test2="s5")
    of = {name: {item.id for item in items if item.extra["partition"] == name} for name in ("train", "dev")}
    for dev, trained in (("given", of["train"]), ("none", of["train"] | of["dev"])):
        folds = make_folds(items, "given", dev)
        assert [fold.name for fold in folds.folds] == ["test1", "test2"]
        for fold in folds.folds:
            assert set(fold.train) == trained
            assert set(fold.dev) == (of["dev"] if dev == "given" else set())
            assert set(fold.test) == {item.id for item in items if item.extra["partition"] == fold.name}
    assert folds.audit.speaker_overlap == {}


def test_partitions_that_do_not_split_are_refused():
    items = partitioned(train="s0 s1", test="s2")
    with pytest.raises(UserError, match="1 utterances name no partition, first"):
        make_folds([replace(items[0], extra={}), *items[1:]], "given")
    with pytest.raises(UserError, match="the column partition names no test"):
        make_folds(partitioned(train="s0", dev="s1"), "given")
    with pytest.raises(UserError, match="the column partition names no train"):
        make_folds(partitioned(dev="s0", test="s1"), "given")
    with pytest.raises(UserError, match="--dev given: no utterance is of the partition dev"):
        make_folds(items, "given", "given")
    with pytest.raises(UserError, match="--dev given: no utterance is of the partition dev"):
        make_folds(CLEAR, "speaker", "given")


def test_a_speaker_in_two_partitions_is_reported():
    items = partitioned(train="s0 s1", test="s2")
    moved = [replace(items[0], extra={"partition": "test"}), *items[1:]]
    assert make_folds(moved, "given").audit.speaker_overlap == {"test": ("s0",)}
