"""The protocols: which utterances of a corpus are trained, developed and tested on.

Folds depend on the utterances and the fold seed alone: the order of ids comes from SHA-256, not from a random library.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NoReturn

from speechbrain_ext.corpora.labels import in_order
from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.preparation.audit import FIELDS, audit
from speechbrain_ext.preparation.balanced_speakers import deal_speakers
from speechbrain_ext.preparation.folds import DECLARED, PARTS, Fold, Folds
from speechbrain_ext.preparation.names import ALL_DATA, DEV_RULES, PROTOCOLS
from speechbrain_ext.utils.errors import UsageError, UserError
from speechbrain_ext.utils.nearest import nearest

DEV_FRACTION = 0.1
FOLDS = 5  # of random5 and speaker5

Split = tuple[str, list[Utterance], list[Utterance]]  # name, training part, tested part


def make_folds(
    utterances: Sequence[Utterance],
    protocol: str,
    dev: str = "none",
    fold_seed: int = 0,
    task: Task | None = None,
) -> Folds:
    """Split the utterances, and audit the splits.

    Arguments
    ---------
    utterances : sequence of Utterance
        In any order; those that the task does not use are left out.
    protocol : str
        "random5" (5 parts, stratified by label), "speaker" (leave one speaker out), "speaker5" (5 parts of speakers,
        balanced by label and gender), "session" (leave one session out), "speaker-text" (one speaker and one half
        of the sentences, trained on the others and the other half), "given" (the folds or the partition that a table
        names for its utterances), "all-data" (one fold that trains on everything and tests nothing).
    dev : str
        "none"; "speaker" or "session" (the next one after the tested one, taken out of training); "fraction"
        (a tenth of the training part, stratified by label); "given" (the partition dev that a table names).
    fold_seed : int
        Another split of the same kind.
    task : Task or None
        Which utterances and labels; None takes all labels there are. Ambiguous utterances, where the task trains
        on them, are in training parts alone, and never with a unit that is tested or developed on.

    Returns
    -------
    Folds

    Raises
    ------
    UserError
        The protocol or rule is unknown or does not fit these utterances, or a split leaks.
    """
    check_rules(protocol, dev)
    task = (task or Task()).with_classes(item.label for item in utterances if item.label is not None)
    ordered = sorted(utterances, key=lambda item: hashlib.sha256(f"{fold_seed}:{item.id}".encode()).hexdigest())
    used = [replace(item, label=label) for item in ordered if (label := task.label_of(item)) is not None]
    if not used:
        raise UserError(f"--protocol {protocol}: {_nothing_used(task)}")
    ambiguous = [item for item in ordered if task.is_ambiguous(item)] if task.train_utterances != "clear" else []
    folds = []
    for index, (name, train, test) in enumerate(_SPLITS[protocol](used)):
        _refuse_empty(protocol, dev, name, {"train": train, **({} if protocol == ALL_DATA else {"test": test})})
        developed = {item.id for item in _development(dev, used, train, test, index)}
        parts = {"train": [item for item in train if item.id not in developed]}
        parts |= {"dev": [item for item in train if item.id in developed], "test": test}
        _refuse_empty(protocol, dev, name, parts if dev != "none" else {})
        separate = exclude_shared_units(ambiguous, test, FIELDS.keys() - DECLARED[protocol])
        parts["train"] += exclude_shared_units(separate, parts["dev"], {dev} & FIELDS.keys())
        folds.append(Fold(name, *(tuple(item.id for item in parts[part]) for part in PARTS)))
    audited = audit(protocol, folds, [*used, *ambiguous])
    return Folds(protocol, used[0].corpus, fold_seed, dev, task.classes, tuple(folds), audited)


def check_rules(protocol: str, dev: str) -> None:
    """Refuse a protocol or a rule that does not exist, and name the nearest that does."""
    if protocol == ALL_DATA:
        if dev != "none":
            raise UsageError(f"--folds {ALL_DATA} --dev {dev}: everything is trained on: leave --dev out")
        return
    for option, value, known in (("--protocol", protocol, PROTOCOLS), ("--dev", dev, DEV_RULES)):
        if value not in known:
            near = nearest(value, known, cutoff=0.5)
            hint = f"did you mean {near}?" if near else "choose one of these"
            raise UsageError(f"{option} {value}: expected one of {', '.join(known)}: {hint}")


def _refuse(protocol: str, found: str, cure: str) -> NoReturn:
    raise UserError(f"--protocol {protocol}: {found}: choose {cure}")


def _refuse_empty(protocol: str, dev: str, name: str, parts: Mapping[str, Sequence[Utterance]]) -> None:
    for part, items in parts.items():
        if not items:
            _refuse(protocol, f"fold {name} has no {part} utterance (--dev {dev})", "another protocol or --dev rule")


def _nothing_used(task: Task) -> str:
    if task.dimensions:
        return f"no utterance has {' and '.join(task.dimensions)}: choose classes in place of dimensions"
    limits = "".join(
        f" in {name} {', '.join(values)}"
        for name, values in (("scenarios", task.scenarios), ("parts", task.parts))
        if values
    )
    return f"no utterance is labelled as one of {', '.join(task.classes) or 'the classes'}{limits}"


def exclude_shared_units(
    utterances: Sequence[Utterance], part: Sequence[Utterance], kinds: Iterable[str]
) -> list[Utterance]:
    """Keep the utterances that share no unit ("speaker", "session", "text"), of the kinds asked for, with a part."""
    kept = list(utterances)
    for kind in kinds:
        taken = {getattr(item, FIELDS[kind]) for item in part} - {None}
        kept = [item for item in kept if getattr(item, FIELDS[kind]) not in taken]
    return kept


def _random5(used: Sequence[Utterance]) -> list[Split]:
    """Deal each label's utterances to the folds; labels continue where the last one ended, so that sizes are even."""
    fold_of, of_audio, dealt = {}, dict[str, int](), 0
    labels = {item.label or "" for item in used}
    for label in [""] if "" in labels else in_order(labels):
        of_label = [item for item in used if item.label == label]
        if len(of_label) < FOLDS:
            found = f"{len(of_label)} utterances{f' of {label}' if label else ''}"
            _refuse("random5", f"{found}, expected at least {FOLDS}", "--protocol speaker")
        for item in of_label:
            # The same audio under two ids stays on one side of every fold.
            fold_of[item.id] = of_audio.setdefault(item.sha256, dealt % FOLDS) if item.sha256 else dealt % FOLDS
            dealt += 1
    return _numbered(used, lambda item: fold_of[item.id])


def _speaker(used: Sequence[Utterance]) -> list[Split]:
    return _leave_one_out(used, _values(used, "speaker", "speaker"), lambda item: item.speaker)


def _speaker5(used: Sequence[Utterance]) -> list[Split]:
    speakers = _values(used, "speaker", "speaker5")
    if len(speakers) < FOLDS:
        _refuse("speaker5", f"{len(speakers)} speakers, expected at least {FOLDS}", "--protocol speaker or random5")
    fold_of = deal_speakers(used, FOLDS)
    return _numbered(used, lambda item: fold_of[item.speaker])


def _session(used: Sequence[Utterance]) -> list[Split]:
    return _leave_one_out(used, _values(used, "session", "session"), lambda item: item.session)


def _speaker_text(used: Sequence[Utterance]) -> list[Split]:
    speakers, texts = _values(used, "speaker", "speaker-text"), _values(used, "text_id", "speaker-text")
    halves = {"a": set(texts[0::2]), "b": set(texts[1::2])}
    splits = []
    for speaker in speakers:
        for half, codes in halves.items():
            test = [item for item in used if item.speaker == speaker and item.text_id in codes]
            train = [item for item in used if item.speaker != speaker and item.text_id not in codes]
            splits.append((f"{speaker}-{half}", train, test))
    return splits


def _given(used: Sequence[Utterance]) -> list[Split]:
    """Test each fold that a table names once, and train on all others; or test the partition that it names so."""
    if any("partition" in item.extra for item in used):
        return _partitions(used)
    given = [item.extra.get("fold") for item in used]
    names = sorted({str(name) for name in given if name is not None}, key=lambda name: (len(name), name))
    missing = given.count(None)
    if missing or len(names) < 2:
        found = f"{missing} utterances name no fold" if missing else "only one fold is named"
        _refuse("given", found, "another protocol, or fill the column fold")
    return _leave_one_out(used, names, lambda item: str(item.extra["fold"]))


def _partitions(used: Sequence[Utterance]) -> list[Split]:
    """Train on the partitions train and dev, and test each of test, test1, ... on its own."""
    named = [(item.extra.get("partition"), item) for item in used]
    if missing := [item.id for name, item in named if name is None]:
        _refuse("given", f"{len(missing)} utterances name no partition, first {missing[0]}", "another protocol")
    train = [item for name, item in named if name in ("train", "dev")]
    tests = sorted({str(name) for name, _ in named} - {"train", "dev"})
    if not tests or not any(name == "train" for name, _ in named):
        _refuse("given", f"the column partition names no {'test' if not tests else 'train'}", "another protocol")
    return [(test, train, [item for name, item in named if name == test]) for test in tests]


def _all_data(used: Sequence[Utterance]) -> list[Split]:
    return [(ALL_DATA, list(used), [])]


def _numbered(used: Sequence[Utterance], fold_of: Callable[[Utterance], int]) -> list[Split]:
    return _leave_one_out(used, [str(fold + 1) for fold in range(FOLDS)], lambda item: str(fold_of(item) + 1))


def _leave_one_out(
    used: Sequence[Utterance], values: Sequence[str], value_of: Callable[[Utterance], str | None]
) -> list[Split]:
    return [
        (value, [item for item in used if value_of(item) != value], [item for item in used if value_of(item) == value])
        for value in values
    ]


def _values(used: Sequence[Utterance], field: str, protocol: str) -> list[str]:
    """List a field's values, of which a protocol needs at least two."""
    values = {getattr(item, field) for item in used}
    if None in values:
        what = {"text_id": "sentence code"}.get(field, field)
        _refuse(protocol, f"utterances of {used[0].corpus} have no {what}", "--protocol speaker or random5")
    if len(values) < 2:
        _refuse(protocol, f"expected at least 2 values of {field}, found {len(values)}", "--protocol random5")
    return sorted(values)


def _development(
    dev: str, used: Sequence[Utterance], train: Sequence[Utterance], test: Sequence[Utterance], index: int
) -> list[Utterance]:
    """Choose the development part from the training part of a fold, whose index decides where all units are tested."""
    if dev == "none":
        return []
    if dev == "fraction":
        return _stratified_tenth(train)
    if dev == "given":
        if found := [item for item in train if item.extra.get("partition") == "dev"]:
            return found
        raise UserError("--dev given: no utterance is of the partition dev: choose --dev speaker, fraction or none")
    if any(getattr(item, dev) is None for item in used):
        raise UserError(f"--dev {dev}: {used[0].corpus} has no {dev}s: choose --dev speaker, fraction or none")
    offered, tested = ({getattr(item, dev) for item in part} for part in (train, test))
    if free := sorted(offered - tested):
        # The first after the tested ones, in a circle.
        chosen = next((value for value in free if value > max(tested)), free[0])
    else:
        chosen = sorted(offered)[index % len(offered)]
    return [item for item in train if getattr(item, dev) == chosen]


def _stratified_tenth(train: Sequence[Utterance]) -> list[Utterance]:
    chosen = []
    for label in Counter(item.label for item in train):
        of_label = [item for item in train if item.label == label]
        if len(of_label) > 1:
            chosen += of_label[: max(1, round(DEV_FRACTION * len(of_label)))]
    return chosen


_SPLITS: dict[str, Callable[[Sequence[Utterance]], list[Split]]] = {
    "random5": _random5,
    "speaker": _speaker,
    "speaker5": _speaker5,
    "session": _session,
    "speaker-text": _speaker_text,
    "given": _given,
    ALL_DATA: _all_data,
}
