"""The protocols against brute force: nothing leaks, nothing is lost, nothing depends on the order of input."""

import hashlib
from collections import Counter
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.preparation.audit import audit, describe
from speechbrain_ext.preparation.folds import DECLARED, PARTS, folds_path, read_folds
from speechbrain_ext.preparation.names import DEV_RULES, PROTOCOLS
from speechbrain_ext.preparation.protocols import make_folds
from speechbrain_ext.utils.errors import UsageError, UserError
from speechbrain_ext.utils.files import sha256_json, write_sealed

LABELS = ("anger", "neutral", "sadness")


def corpus(speakers=6, texts=4, repeats=2, sessions=True):
    """Every speaker says every text with every label: two speakers a session."""
    items = []
    for speaker in range(speakers):
        for text in range(texts):
            for label in LABELS:
                for repeat in range(repeats):
                    name = f"s{speaker}t{text}{label}{repeat}"
                    item = Utterance(id=name, corpus="C", wav=f"{name}.wav", speaker=f"s{speaker}", label=label)
                    item.session = str(speaker // 2 + 1) if sessions else None
                    item.text_id, item.extra = f"t{text}", {"fold": (speaker + text + repeat) % 3}
                    item.sha256 = hashlib.sha256(name.encode()).hexdigest()
                    items.append(item)
    return items


ITEMS = corpus()
BY_ID = {item.id: item for item in ITEMS}
ALL = [(protocol, dev) for protocol in PROTOCOLS for dev in DEV_RULES if dev != "given"]


def of(ids, field):
    return {getattr(BY_ID[id_], field) for id_ in ids}


@pytest.mark.parametrize(("protocol", "dev"), ALL)
def test_parts_are_apart_and_every_utterance_is_tested_once(protocol, dev):
    folds = make_folds(ITEMS, protocol, dev)
    content = folds.to_json()
    assert list(content) == ["protocol", "corpus", "fold_seed", "dev", "classes", "folds", "audit"]
    assert folds.sha256 == sha256_json(content["folds"])
    assert sorted(id_ for fold in folds.folds for id_ in fold.test) == sorted(BY_ID)
    for fold, kept in zip(folds.folds, content["folds"], strict=True):
        assert list(kept.items()) == [("name", fold.name), *((part, fold.part(part)) for part in PARTS)]
        ids = fold.train + fold.dev + fold.test
        assert len(ids) == len(set(ids))
        assert bool(fold.dev) == (dev != "none")
        if protocol != "speaker-text":
            assert len(ids) == len(ITEMS)


@pytest.mark.parametrize(("protocol", "dev"), ALL)
def test_only_declared_overlaps_are_found_and_all_of_them(protocol, dev):
    folds = make_folds(ITEMS, protocol, dev)
    for kind, field in (("speaker", "speaker"), ("session", "session"), ("text", "text_id")):
        brute = {}
        for fold in folds.folds:
            shared = {
                getattr(BY_ID[left], field)
                for left in fold.train + fold.dev
                for right in fold.test
                if getattr(BY_ID[left], field) == getattr(BY_ID[right], field)
            }
            if shared:
                brute[fold.name] = tuple(sorted(shared))
        assert folds.audit.overlap(kind) == brute
        if kind not in DECLARED[protocol]:
            assert brute == {}
    assert folds.audit.duplicate_audio == {}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_dev_speakers_and_sessions_leave_training(protocol):
    for dev in ("speaker", "session"):
        for fold in make_folds(ITEMS, protocol, dev).folds:
            assert len(of(fold.dev, dev)) == 1
            assert not of(fold.dev, dev) & of(fold.train, dev)


def test_next_speaker_becomes_dev():
    folds = make_folds(ITEMS, "speaker", "speaker").folds
    pairs = [(fold.name, *of(fold.dev, "speaker")) for fold in folds]
    assert pairs == [(f"s{n}", f"s{(n + 1) % 6}") for n in range(6)]


def test_fraction_is_a_stratified_tenth_of_training():
    for fold in make_folds(ITEMS, "speaker", "fraction").folds:
        # 5 speakers, 4 texts, 2 repeats: 40 of each label
        assert Counter(BY_ID[id_].label for id_ in fold.dev) == dict.fromkeys(LABELS, 4)


def test_fraction_takes_one_of_a_few_and_none_of_one():
    few = [item for item in ITEMS if item.label != "anger"] + [item for item in ITEMS if item.label == "anger"][::5]
    for fold in make_folds(few, "speaker", "fraction").folds:
        left = Counter(BY_ID[id_].label for id_ in fold.train + fold.dev)
        assert 5 <= left["anger"] <= 14
        assert Counter(BY_ID[id_].label for id_ in fold.dev)["anger"] == 1


def test_a_class_with_one_training_utterance_keeps_it_for_training():
    few = [item for item in ITEMS if item.label != "anger"] + [item for item in ITEMS if item.label == "anger"][:1]
    parts = [(set(fold.train), set(fold.dev)) for fold in make_folds(few, "speaker", "fraction").folds]
    assert sum(few[-1].id in train for train, _ in parts) == len(parts) - 1
    assert not any(few[-1].id in dev for _, dev in parts)


def test_random5_is_stratified():
    folds = make_folds(ITEMS[:-5], "random5").folds
    assert [fold.name for fold in folds] == list("12345")
    sizes = [len(fold.test) for fold in folds]
    assert max(sizes) - min(sizes) <= 1
    for label in LABELS:
        counts = [sum(BY_ID[id_].label == label for id_ in fold.test) for fold in folds]
        assert max(counts) - min(counts) <= 1


def speakers_of(counts, genders="FM", label_of=lambda speaker, number: LABELS[number % 3]):
    """Utterances of speakers by their count; genders in turn."""
    return [
        Utterance(
            id=f"s{speaker:02d}u{number}",
            corpus="C",
            wav="w",
            speaker=f"s{speaker:02d}",
            gender=genders[speaker % len(genders)],
            label=label_of(speaker, number),
            sha256=f"{speaker}-{number}",
        )
        for speaker, count in enumerate(counts)
        for number in range(count)
    ]


def parts_of(items, fold_seed=0):
    """The tested utterances of each fold of speaker5."""
    by_id = {item.id: item for item in items}
    folds = make_folds(items, "speaker5", fold_seed=fold_seed).folds
    assert [fold.name for fold in folds] == list("12345")
    return [[by_id[id_] for id_ in fold.test] for fold in folds]


def unlikeness(parts, items):
    """The sum of squares that speaker5 keeps small, by its definition."""
    kinds = [("label", label) for label in {item.label for item in items}]
    kinds += [("gender", gender) for gender in {item.gender for item in items} - {None}]
    return sum(
        (sum(getattr(item, field) == value for item in part) / sum(getattr(item, field) == value for item in items))
        ** 2
        for field, value in kinds
        for part in parts
    )


@pytest.mark.parametrize("fold_seed", range(4))
def test_speaker5_balances_labels_and_genders(fold_seed):
    items = speakers_of([60] * 20)
    for part in parts_of(items, fold_seed):
        assert Counter(item.gender for item in part) == {"F": 120, "M": 120}
        assert Counter(item.label for item in part) == dict.fromkeys(LABELS, 80)
    # Speakers whose labels differ: half of them are angry, the other half sad.
    items = speakers_of([12] * 20, "FFMM", lambda speaker, number: LABELS[2 * (speaker % 2)])
    for part in parts_of(items, fold_seed):
        assert Counter(item.label for item in part) == {"anger": 24, "sadness": 24}
        assert Counter(item.gender for item in part) == {"F": 24, "M": 24}


@pytest.mark.parametrize("fold_seed", range(3))
def test_speaker5_is_as_balanced_as_any_exchange_of_two_speakers_could_make_it(fold_seed):
    random = np.random.RandomState(fold_seed)
    items = speakers_of(random.randint(3, 40, 13), label_of=lambda speaker, number: LABELS[(speaker * number) % 3])
    parts = parts_of(items, fold_seed)
    found = unlikeness(parts, items)
    for one, other in combinations(range(5), 2):
        for left in {item.speaker for item in parts[one]}:
            for right in {item.speaker for item in parts[other]}:
                moved = [list(part) for part in parts]
                moved[one] = [item for item in parts[one] if item.speaker != left]
                moved[one] += [item for item in parts[other] if item.speaker == right]
                moved[other] = [item for item in parts[other] if item.speaker != right]
                moved[other] += [item for item in parts[one] if item.speaker == left]
                assert unlikeness(moved, items) > found - 1e-9
    speakers = [{item.speaker for item in part} for part in parts]
    assert not any(left & right for left, right in combinations(speakers, 2))


def test_speaker5_takes_another_split_from_another_seed():
    items = speakers_of([60] * 20)
    splits = {
        tuple(sorted(tuple(sorted({item.speaker for item in part})) for part in parts_of(items, seed)))
        for seed in range(4)
    }
    assert len(splits) == 4


def test_speaker5_needs_five_speakers_and_no_gender():
    with pytest.raises(UserError, match="4 speakers, expected at least 5: choose --protocol speaker or random5"):
        make_folds(corpus(speakers=4), "speaker5")
    assert [len({item.speaker for item in part}) for part in parts_of(speakers_of([6] * 5, [None]))] == [1] * 5


def test_speaker_text_halves_alternate():
    folds = make_folds(ITEMS, "speaker-text").folds
    assert [fold.name for fold in folds] == [f"s{n}-{half}" for n in range(6) for half in "ab"]
    for fold in folds:
        mine = {"t0", "t2"} if fold.name.endswith("a") else {"t1", "t3"}
        assert of(fold.test, "text_id") == mine
        assert not of(fold.train, "text_id") & mine
        assert of(fold.test, "speaker") == {fold.name[:2]}


def test_ids_are_ordered_by_their_hash():
    for seed in (0, 3):
        for fold in make_folds(ITEMS, "speaker", fold_seed=seed).folds:
            for part in ("train", "test"):
                keys = [hashlib.sha256(f"{seed}:{id_}".encode()).hexdigest() for id_ in fold.part(part)]
                assert keys == sorted(keys)


def test_fold_seed_gives_another_split():
    first, second = (make_folds(ITEMS, "random5", fold_seed=seed).folds for seed in (0, 1))
    assert {frozenset(fold.test) for fold in first} != {frozenset(fold.test) for fold in second}


@settings(max_examples=30, deadline=None)
@given(
    order=st.permutations(ITEMS[:120]),
    rule=st.sampled_from([pair for pair in ALL if "session" not in pair[1]]),
    seed=st.integers(0, 5),
)
def test_order_of_input_changes_nothing(order, rule, seed):
    assert make_folds(order, *rule, fold_seed=seed) == make_folds(ITEMS[:120], *rule, fold_seed=seed)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3), st.sampled_from(LABELS)), min_size=1, max_size=60))
def test_any_corpus_is_split_without_leaks_or_refused_in_one_line(rows):
    items = [
        Utterance(id=f"u{n}", corpus="C", wav="w", speaker=f"s{who}", text_id=f"t{text}", label=label, sha256=f"{n}")
        for n, (who, text, label) in enumerate(rows)
    ]
    by_id = {item.id: item for item in items}
    for protocol in ("random5", "speaker", "speaker5", "speaker-text"):
        for dev in ("none", "speaker", "fraction"):
            try:
                folds = make_folds(items, protocol, dev)
            except UserError as fault:
                assert "\n" not in str(fault)
                continue
            assert sorted(id_ for fold in folds.folds for id_ in fold.test) == sorted(by_id)
            for fold in folds.folds:
                seen = [by_id[id_] for id_ in fold.train + fold.dev]
                test = [by_id[id_] for id_ in fold.test]
                assert fold.train and test
                if protocol != "random5":
                    assert not {item.speaker for item in seen} & {item.speaker for item in test}
                if protocol == "speaker-text":
                    assert not {item.text_id for item in seen} & {item.text_id for item in test}


def test_unlabelled_and_other_classes_are_left_out():
    items = [replace(item, label=None) if item.id.endswith("0") else item for item in ITEMS]
    folds = make_folds(items, "speaker", task=Task(("sadness", "anger")))
    assert folds.classes == ("sadness", "anger")
    ids = {id_ for fold in folds.folds for id_ in fold.test}
    assert ids == {item.id for item in ITEMS if item.label != "neutral" and item.id.endswith("1")}
    assert make_folds(ITEMS, "speaker").classes == LABELS


@pytest.mark.parametrize(
    ("protocol", "dev", "told"),
    [("speker", "none", "did you mean speaker?"), ("random-5", "none", "random5?"), ("speaker", "frac", "fraction?")],
)
def test_unknown_names_tell_the_nearest(protocol, dev, told):
    with pytest.raises(UsageError) as caught:
        make_folds(ITEMS, protocol, dev)
    assert told in str(caught.value) and "\n" not in str(caught.value)


def test_what_does_not_fit_is_refused():
    plain = corpus(sessions=False)
    with pytest.raises(UserError, match="no session"):
        make_folds(plain, "session")
    with pytest.raises(UserError, match="no sessions"):
        make_folds(plain, "speaker", "session")
    with pytest.raises(UserError, match="1 utterances of anger, expected at least 5"):
        make_folds([item for item in ITEMS if item.label != "anger"] + ITEMS[:1], "random5")
    with pytest.raises(UserError, match="at least 2"):
        make_folds(corpus(speakers=1), "speaker")
    with pytest.raises(UserError, match="no train utterance"):
        make_folds(corpus(speakers=2), "speaker", "speaker")
    with pytest.raises(UserError, match="no utterance"):
        make_folds([replace(item, label=None) for item in ITEMS], "speaker")


def test_audit_stops_undeclared_overlaps():
    fold = make_folds(ITEMS, "speaker").folds[0]
    *test, moved = fold.test
    with pytest.raises(UserError, match="no speaker overlap, but speaker s0 of fold s0"):
        audit("speaker", [replace(fold, train=(*fold.train, moved), test=tuple(test))], ITEMS)
    with pytest.raises(UserError, match="no speaker overlap"):
        audit("speaker", [replace(fold, dev=(moved,), test=tuple(test))], ITEMS)
    with pytest.raises(UserError, match=f"has {moved} twice"):
        audit("speaker", [replace(fold, dev=(moved,))], ITEMS)


def test_random_folds_keep_the_same_audio_on_one_side():
    for number in range(1, len(ITEMS)):
        items = corpus()
        items[number].sha256 = items[0].sha256
        folds = make_folds(items, "random5")
        tested = [fold.name for fold in folds.folds for item in (items[0], items[number]) if item.id in fold.test]
        assert len(tested) == 2 and tested[0] == tested[1]
        assert sorted(id_ for fold in folds.folds for id_ in fold.test) == sorted(item.id for item in items)


@pytest.mark.parametrize("protocol", [protocol for protocol in PROTOCOLS if protocol != "random5"])
def test_the_same_audio_on_both_sides_stops_every_other_protocol(protocol):
    items = corpus()
    # other speakers, sessions and texts: on two sides of some fold in every protocol
    left, right = items[0], items[-1]
    right.sha256 = left.sha256
    if protocol == "given":
        folds = make_folds(ITEMS, protocol).folds
        tested = next(set(fold.test) for fold in folds if left.id in fold.test)
        if right.id in tested:
            right.sha256 = right.id
            right = next(item for item in items if item.id not in tested)
            right.sha256 = left.sha256
    with pytest.raises(UserError, match="same audio") as caught:
        make_folds(items, protocol)
    assert left.id in str(caught.value) and right.id in str(caught.value)


def test_duplicates_are_unknown_without_hashes():
    folds = make_folds([replace(item, sha256=None) for item in ITEMS], "speaker")
    assert folds.audit.duplicate_audio is None
    assert "duplicates unknown" in describe(folds.audit)


def test_description_tells_what_the_numbers_mean():
    assert describe(make_folds(ITEMS, "random5").audit).startswith("speaker-dependent: 6 speakers")
    alone = describe(make_folds(ITEMS, "speaker-text").audit)
    assert alone == "speaker-independent; no sentence is in training and test"


def test_files_are_named_by_what_differs(tmp_path):
    assert folds_path(tmp_path, "random5").name == "random5.json"
    assert folds_path(tmp_path, "session", "speaker").name == "session.dev-speaker.json"
    path = folds_path(tmp_path, "speaker", "none", 7)
    assert path == tmp_path / "folds" / "speaker.fold-seed-7.json"
    with pytest.raises(UserError, match="make it with: again"):
        read_folds(path, "again")
    folds = make_folds(ITEMS, "speaker")
    write_sealed(path, folds.to_json())
    assert read_folds(path, "again") == folds
    write_sealed(path, {"folds": []})
    with pytest.raises(UserError, match="expected folds as stage 0 makes them"):
        read_folds(path, "again")


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("value", ["ids", None, [1]])
def test_a_fold_without_a_list_of_ids_is_refused(tmp_path, part, value):
    content = make_folds(ITEMS, "speaker").to_json()
    first, second, *others = content["folds"]
    content["folds"] = [first, {**second, part: value}, *others]
    write_sealed(tmp_path / "folds.json", content)
    with pytest.raises(UserError, match="found a fold without lists of ids: make it again with: again"):
        read_folds(tmp_path / "folds.json", "again")
