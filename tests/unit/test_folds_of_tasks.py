"""Folds of other tasks than labelled utterances: ambiguous ones, folds that a table names, dimensions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from speechbrain_ext.corpora.manifest import Utterance, Vote
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.preparation.names import DEV_RULES, PROTOCOLS
from speechbrain_ext.preparation.protocols import make_folds
from speechbrain_ext.utils.errors import UserError

ALL = [(protocol, dev) for protocol in PROTOCOLS for dev in DEV_RULES]


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


def test_dimensions_use_every_utterance_that_has_them():
    values = [[1.0, 2.0, None if place % 7 == 0 else 3.0] for place in range(len(CLEAR))]
    items = [replace(item, label=None, vad=vad) for item, vad in zip(CLEAR, values, strict=True)]
    folds = make_folds(items, "random5", task=Task(("anger", "sadness"), dimensions=("valence", "dominance")))
    tested = {name for fold in folds.folds for name in fold.test}
    assert tested == {item.id for item in items if item.vad[2] is not None}
    sizes = [len(fold.test) for fold in folds.folds]
    assert max(sizes) - min(sizes) <= 1
