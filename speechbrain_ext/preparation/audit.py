"""The audit for leakage: what the training and development parts share with the tested part."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from pathlib import Path

from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.preparation.folds import DECLARED, Audit, Fold, Folds, not_as_made
from speechbrain_ext.utils.errors import UserError

CONFOUNDED_SHARE = 0.1
FIELDS = {"speaker": "speaker", "session": "session", "text": "text_id"}


def audit(protocol: str, folds: Sequence[Fold], utterances: Sequence[Utterance]) -> Audit:
    """Find what is on both sides of each fold: train and dev on one side, test on the other.

    Arguments
    ---------
    protocol : str
        Declares which overlaps are allowed.
    folds : sequence of Fold
    utterances : sequence of Utterance
        Those of the folds, and perhaps more.

    Returns
    -------
    Audit

    Raises
    ------
    UserError
        An overlap that the protocol does not declare, the same audio on both sides, or one id in two parts.
    """
    by_id = {utterance.id: utterance for utterance in utterances}
    overlaps: dict[str, dict[str, tuple[str, ...]]] = {kind: {} for kind in FIELDS}
    duplicates: dict[str, tuple[tuple[str, str], ...]] = {}
    for fold in folds:
        _refuse_shared_ids(fold, protocol)
        seen, test = [by_id[id_] for id_ in fold.train + fold.dev], [by_id[id_] for id_ in fold.test]
        for kind, field in FIELDS.items():
            left, right = ({getattr(item, field) for item in side} - {None} for side in (seen, test))
            if left & right:
                overlaps[kind][fold.name] = tuple(sorted(left & right))
        if pairs := _duplicates(seen, test):
            duplicates[fold.name] = pairs
    used = [by_id[id_] for id_ in {id_ for fold in folds for id_ in fold.ids}]
    known = {
        f"{kind}_overlap": None if not found and any(getattr(item, FIELDS[kind]) is None for item in used) else found
        for kind, found in overlaps.items()
    }
    hashed = all(item.sha256 is not None for item in used)
    missing = sum(item.text_id is None for item in used)
    audited = Audit(
        **known,
        duplicate_audio=duplicates if hashed or duplicates else None,
        text_missing=(missing, len(used)) if missing else None,
    )
    _refuse_undeclared(audited, protocol)
    return audited


def check_folds(path: str | Path, folds: Folds, utterances: Sequence[Utterance], made_by: str) -> None:
    """Audit folds again that were read from a file, with the corpus as it is now.

    Arguments
    ---------
    path : str or Path
        The file, for the error message.
    folds : Folds
        As `read_folds` gives them.
    utterances : sequence of Utterance
        The manifest.
    made_by : str
        The command that makes the file, for the error message.

    Raises
    ------
    UserError
        An utterance is not in the manifest, a part leaks into another one, or the audit in the file is another one.
    """
    known = {item.id for item in utterances}
    for fold in folds.folds:
        if strange := next((id_ for id_ in fold.ids if id_ not in known), None):
            raise not_as_made(path, f"{strange[:80]!r} in fold {fold.name}, which is not in the manifest", made_by)
    try:
        found = audit(folds.protocol, folds.folds, utterances)
    except UserError as fault:
        raise UserError(f"{path}: edited, or of another manifest: {fault}; or make it again with: {made_by}") from None
    if found != folds.audit:
        kinds = (field.name for field in fields(Audit))
        other = ", ".join(kind for kind in kinds if getattr(found, kind) != getattr(folds.audit, kind))
        raise not_as_made(path, f"another audit than its folds have ({other})", made_by)


def describe(found: Audit) -> str:
    """Say in one line what the numbers of audited folds mean for a new speaker.

    Example
    -------
    >>> describe(Audit(speaker_overlap={}, session_overlap={}, text_overlap={"03": ("a01",)}, duplicate_audio={}))
    'speaker-independent; sentences are in training and test'
    """
    if found.speaker_overlap:
        tested = set().union(*found.speaker_overlap.values())
        words = [f"speaker-dependent: {len(tested)} speakers are in training and test"]
    else:
        words = ["speaker-independent"]
    words.append(_sentences(found))
    if found.duplicate_audio is None:
        words.append("duplicates unknown, as the audio was not read")
    return "; ".join(words)


def _sentences(found: Audit) -> str:
    """Whether sentences are in training and test, as far as it is known."""
    missing, used = found.text_missing or (0, 0)
    if found.text_overlap:
        return "sentences are in training and test"
    if found.text_overlap is not None:
        return "no sentence is in training and test"
    return "sentences unknown (no column text)" if missing == used else f"sentences unknown (no text of {missing})"


def confounded(label_of: Callable[[Utterance], str | None], utterances: Iterable[Utterance]) -> list[str]:
    """Warn where speakers have one emotion only: a model that recognises them seems to recognise emotions.

    Arguments
    ---------
    label_of : callable
        The class of an utterance, None or "" where it has none.
    utterances : iterable of Utterance
        Those of the folds.

    Returns
    -------
    list of str
        One warning, or none: fewer than a tenth of the speakers may be a chance of what was recorded.

    Example
    -------
    >>> items = [Utterance(id=id_, corpus="C", wav=id_, speaker=id_[0], label=id_[1:]) for id_ in ("aanger", "bfear")]
    >>> confounded(lambda item: item.label, items)
    ['emotion and speaker are confounded: 2 of 2 speakers (100 %) have one emotion only']
    """
    labels: dict[str, set[str]] = {}
    for item in utterances:
        if label := label_of(item):
            labels.setdefault(item.speaker, set()).add(label)
    alone = sum(len(found) == 1 for found in labels.values())
    if not labels or alone < CONFOUNDED_SHARE * len(labels):
        return []
    share = f"{alone} of {len(labels)} speakers ({100 * alone / len(labels):.0f} %) have one emotion only"
    return [f"emotion and speaker are confounded: {share}"]


def shared_speakers(found: Audit) -> list[str]:
    """Name each fold whose tested speakers are also trained on: what makes its numbers speaker-dependent.

    Example
    -------
    >>> shared_speakers(Audit({"1": ("03", "08")}, {}, {}, {}))
    ['fold 1: 2 speakers are in training and test: 03, 08']
    """
    return [
        f"fold {name}: {len(speakers)} speakers are in training and test: {', '.join(speakers)}"
        for name, speakers in (found.speaker_overlap or {}).items()
    ]


def _refuse_shared_ids(fold: Fold, protocol: str) -> None:
    if len(fold.ids) != len(set(fold.ids)):
        repeated = next(id_ for id_ in fold.ids if fold.ids.count(id_) > 1)
        raise UserError(
            f"--protocol {protocol}: fold {fold.name} has {repeated} twice: delete the folds file, run stage 0"
        )


def _duplicates(seen: Sequence[Utterance], test: Sequence[Utterance]) -> tuple[tuple[str, str], ...]:
    by_hash: dict[str, list[str]] = {}
    for item in seen:
        if item.sha256 is not None:
            by_hash.setdefault(item.sha256, []).append(item.id)
    pairs = ((left, item.id) for item in test if item.sha256 is not None for left in by_hash.get(item.sha256, []))
    return tuple(sorted(pairs))


def _refuse_undeclared(found: Audit, protocol: str) -> None:
    if found.duplicate_audio:
        name, pairs = next(iter(found.duplicate_audio.items()))
        count = len({frozenset(pair) for pairs in found.duplicate_audio.values() for pair in pairs})
        raise UserError(
            f"--protocol {protocol}: {count} pairs of utterances have the same audio on both sides of a fold, first "
            f"{pairs[0][0]} and {pairs[0][1]} in fold {name}: remove one of each pair from the corpus"
        )
    for kind in FIELDS:
        overlap = found.overlap(kind)
        if overlap and kind not in DECLARED[protocol]:
            name, values = next(iter(overlap.items()))
            raise UserError(
                f"--protocol {protocol} declares no {kind} overlap, but {kind} {', '.join(values)} of fold {name} is "
                f"in training and test: check the corpus's {kind} fields, or choose another protocol or --dev rule"
            )
