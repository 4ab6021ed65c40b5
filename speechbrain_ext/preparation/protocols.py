"""The protocols: which utterances train, which choose, which are tested; and the audit for leakage.

Folds depend on the utterances and the fold seed alone: the order of ids comes from SHA-256, not from a random library.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from speechbrain_ext.corpora.labels import in_order
from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.preparation.audit import audit
from speechbrain_ext.preparation.folds import DECLARED, Fold, Folds
from speechbrain_ext.preparation.names import DEV_RULES, PROTOCOLS
from speechbrain_ext.utils.errors import UsageError, UserError
from speechbrain_ext.utils.nearest import nearest

DEV_FRACTION = 0.1

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
        "random5" (5 parts, stratified by label), "speaker" (leave one speaker out), "session" (leave one session
        out), "speaker-text" (one speaker and one half of the sentences, trained on the others and the other half),
        "given" (the folds that a table names for its utterances).
    dev : str
        "none"; "speaker" or "session" (the next one after the tested one, taken out of training); "fraction"
        (a tenth of the training part, stratified by label).
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
    ordered = sorted(utterances, key=lambda item: _key(item, fold_seed))
    used = [replace(item, label=label) for item in ordered if (label := task.label_of(item)) is not None]
    if not used:
        raise UserError(f"--protocol {protocol}: {_nothing_used(task)}")
    more = [item for item in ordered if task.is_ambiguous(item)] if task.train_utterances != "clear" else []
    folds = []
    for index, (name, train, test) in enumerate(_SPLITS[protocol](used)):
        _refuse_empty(protocol, dev, name, {"train": train, "test": test})
        chosen = {item.id for item in _DEV[dev](used, train, test, index)}
        parts = {"train": [item for item in train if item.id not in chosen]}
        parts |= {"dev": [item for item in train if item.id in chosen], "test": test}
        _refuse_empty(protocol, dev, name, parts if dev != "none" else {})
        free = _apart(_apart(more, test, _KEPT_APART[protocol]), parts["dev"], {dev} & _FIELD_OF.keys())
        parts["train"] += free
        folds.append(Fold(name, **{part: tuple(item.id for item in items) for part, items in parts.items()}))
    audited = audit(protocol, folds, [*used, *more])
    return Folds(protocol, used[0].corpus, fold_seed, dev, task.classes, tuple(folds), audited)


def check_rules(protocol: str, dev: str) -> None:
    """Refuse a protocol or a rule that does not exist, and name the nearest that does."""
    for option, value, known in (("--protocol", protocol, PROTOCOLS), ("--dev", dev, DEV_RULES)):
        if value not in known:
            near = nearest(value, known, cutoff=0.5)
            hint = f"did you mean {near}?" if near else "choose one of these"
            raise UsageError(f"{option} {value}: expected one of {', '.join(known)}: {hint}")


def _key(utterance: Utterance, fold_seed: int) -> str:
    return hashlib.sha256(f"{fold_seed}:{utterance.id}".encode()).hexdigest()


def _refuse(protocol: str, found: str, cure: str) -> None:
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


# what a protocol or a rule of development keeps apart, by the words of DECLARED
_FIELD_OF = {"speaker": "speaker", "session": "session", "text": "text_id"}


_KEPT_APART = {protocol: _FIELD_OF.keys() - declared for protocol, declared in DECLARED.items()}


def _apart(more: Sequence[Utterance], from_: Sequence[Utterance], kinds: Collection[str]) -> list[Utterance]:
    """Those that share no speaker, session or text with a part, by the kinds asked for."""
    for kind in kinds:
        taken = {getattr(item, _FIELD_OF[kind]) for item in from_} - {None}
        more = [item for item in more if getattr(item, _FIELD_OF[kind]) not in taken]
    return list(more)


def _random5(used: Sequence[Utterance]) -> list[Split]:
    """Deal each label's utterances to 5 folds; the next label goes on where the last ended, so that sizes are even."""
    fold_of, dealt = {}, 0
    of_audio: dict[str, int] = {}
    for label in in_order(labels) if all(labels := {item.label for item in used}) else [""]:
        of_label = [item for item in used if item.label == label]
        if len(of_label) < 5:
            found = f"{len(of_label)} utterances{f' of {label}' if label else ''}"
            _refuse("random5", f"{found}, expected at least 5", "--protocol speaker")
        for item in of_label:
            # The same audio under two ids stays on one side of every fold.
            fold = of_audio.setdefault(item.sha256, dealt % 5) if item.sha256 else dealt % 5
            fold_of[item.id] = fold
            dealt += 1
    return [_cut(str(fold + 1), used, lambda item, fold=fold: fold_of[item.id] == fold) for fold in range(5)]


def _speaker(used: Sequence[Utterance]) -> list[Split]:
    names = _names(used, "speaker", "speaker")
    return [_cut(name, used, lambda item, name=name: item.speaker == name) for name in names]


def _session(used: Sequence[Utterance]) -> list[Split]:
    names = _names(used, "session", "session")
    return [_cut(name, used, lambda item, name=name: item.session == name) for name in names]


def _speaker_text(used: Sequence[Utterance]) -> list[Split]:
    speakers, texts = _names(used, "speaker", "speaker-text"), _names(used, "text_id", "speaker-text")
    halves = {"a": set(texts[0::2]), "b": set(texts[1::2])}
    splits = []
    for speaker in speakers:
        for half, codes in halves.items():
            test = [item for item in used if item.speaker == speaker and item.text_id in codes]
            train = [item for item in used if item.speaker != speaker and item.text_id not in codes]
            splits.append((f"{speaker}-{half}", train, test))
    return splits


def _given(used: Sequence[Utterance]) -> list[Split]:
    """The folds that a table names: each is tested once, trained on all others."""
    fold_of = {item.id: item.extra.get("fold") for item in used}
    names = sorted({str(name) for name in fold_of.values() if name is not None}, key=lambda name: (len(name), name))
    missing = list(fold_of.values()).count(None)
    if missing or len(names) < 2:
        found = f"{missing} utterances name no fold" if missing else "only one fold is named"
        _refuse("given", found, "another protocol, or fill the column fold")
    return [_cut(name, used, lambda item, name=name: str(fold_of[item.id]) == name) for name in names]


def _cut(name: str, used: Sequence[Utterance], tested: Callable[[Utterance], bool]) -> Split:
    return name, [item for item in used if not tested(item)], [item for item in used if tested(item)]


def _names(used: Sequence[Utterance], field: str, protocol: str) -> list[str]:
    """List a field's values, of which a protocol needs at least two."""
    values = {getattr(item, field) for item in used}
    if None in values:
        what = {"text_id": "sentence code"}.get(field, field)
        _refuse(protocol, f"utterances of {used[0].corpus} have no {what}", "--protocol speaker or random5")
    if len(values) < 2:
        _refuse(protocol, f"expected at least 2 values of {field}, found {len(values)}", "--protocol random5")
    return sorted(values)


def _no_dev(used: Sequence[Utterance], train: Sequence[Utterance], test: Sequence[Utterance], index: int) -> Collection:
    return []


def _next_of(field: str) -> Callable[..., Collection[Utterance]]:
    """Take the training utterances of one speaker or session: the first after the tested ones, in a circle."""

    def choose(
        used: Sequence[Utterance], train: Sequence[Utterance], test: Sequence[Utterance], index: int
    ) -> Collection[Utterance]:
        if any(getattr(item, field) is None for item in used):
            raise UserError(f"--dev {field}: {used[0].corpus} has no {field}s: choose --dev speaker, fraction or none")
        offered, tested = ({getattr(item, field) for item in part} for part in (train, test))
        free = sorted(offered - tested)
        if free:
            last = max(tested)
            chosen = next((value for value in free if value > last), free[0])
        else:
            # the protocol tests every speaker in every fold: each fold takes another one
            chosen = sorted(offered)[index % len(offered)]
        return [item for item in train if getattr(item, field) == chosen]

    return choose


def _fraction(
    used: Sequence[Utterance], train: Sequence[Utterance], test: Sequence[Utterance], index: int
) -> Collection[Utterance]:
    chosen = []
    for label in Counter(item.label for item in train):
        of_label = [item for item in train if item.label == label]
        if len(of_label) > 1:
            chosen += of_label[: max(1, round(DEV_FRACTION * len(of_label)))]
    return chosen


_SPLITS: dict[str, Callable[[Sequence[Utterance]], list[Split]]] = {
    "random5": _random5,
    "speaker": _speaker,
    "session": _session,
    "speaker-text": _speaker_text,
    "given": _given,
}
_DEV: dict[str, Callable[..., Collection[Utterance]]] = {
    "none": _no_dev,
    "speaker": _next_of("speaker"),
    "session": _next_of("session"),
    "fraction": _fraction,
}
