"""The audit for leakage: what the training and development parts share with the tested part."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.utils.errors import UserError

DECLARED: dict[str, frozenset[str]] = {
    "random5": frozenset({"speaker", "session", "text"}),
    # two speakers share a session where a corpus has dialogues
    "speaker": frozenset({"session", "text"}),
    "session": frozenset({"text"}),
    "speaker-text": frozenset({"session"}),
    # whatever another tool's folds share is told, not refused
    "given": frozenset({"speaker", "session", "text"}),
}
CONFOUNDED_SHARE = 0.1
_FIELDS = {"speaker": "speaker", "session": "session", "text": "text_id"}


def audit(folds: Mapping[str, Any], utterances: Sequence[Utterance]) -> dict[str, Any]:
    """Find what is on both sides of each fold: train and dev on one side, test on the other.

    Arguments
    ---------
    folds : mapping
        "protocol" and "folds", as `make_folds` gives them.
    utterances : sequence of Utterance
        Those of the folds, and perhaps more.

    Returns
    -------
    dict
        "speaker_overlap", "session_overlap", "text_overlap": {fold name: sorted values on both sides}, and None where
        nothing overlaps and some utterances have no session or text: unknown; "text_missing": how many have no text;
        "duplicate_audio": {fold name: [[id in training, id in test], ...]}, pairs with one audio hash, and None
        where an utterance has no hash. A fold without an overlap is not named, so that {} means none.

    Raises
    ------
    UserError
        An overlap that the protocol does not declare, the same audio on both sides, or one id in two parts.
    """
    by_id = {utterance.id: utterance for utterance in utterances}
    found: dict[str, Any] = {f"{kind}_overlap": {} for kind in _FIELDS}
    duplicates: dict[str, list[list[str]]] = {}
    for fold in folds["folds"]:
        parts = {part: [by_id[id_] for id_ in fold[part]] for part in ("train", "dev", "test")}
        _refuse_shared_ids(fold, folds["protocol"])
        seen = parts["train"] + parts["dev"]
        for kind, field in _FIELDS.items():
            left, right = ({getattr(item, field) for item in side} - {None} for side in (seen, parts["test"]))
            if left & right:
                found[f"{kind}_overlap"][fold["name"]] = sorted(left & right)
        if pairs := _duplicates(seen, parts["test"]):
            duplicates[fold["name"]] = pairs
    used = {id_ for fold in folds["folds"] for part in ("train", "dev", "test") for id_ in fold[part]}
    hashed = all(by_id[id_].sha256 is not None for id_ in used)
    found["duplicate_audio"] = duplicates if hashed or duplicates else None
    for kind, field in _FIELDS.items():
        if not found[f"{kind}_overlap"] and any(getattr(by_id[id_], field) is None for id_ in used):
            found[f"{kind}_overlap"] = None
    if missing := sum(by_id[id_].text_id is None for id_ in used):
        found["text_missing"] = [missing, len(used)]
    _refuse_undeclared(found, folds["protocol"])
    return found


def describe(folds: Mapping[str, Any]) -> str:
    """Say in one line what a split's numbers mean for a new speaker.

    Example
    -------
    >>> found = {"speaker_overlap": {}, "text_overlap": {"03": ["a01"]}, "duplicate_audio": {}}
    >>> describe({"audit": found})
    'speaker-independent; sentences are in training and test'
    """
    found = folds["audit"]
    if found["speaker_overlap"]:
        tested = set().union(*found["speaker_overlap"].values())
        words = [f"speaker-dependent: {len(tested)} speakers are in training and test"]
    else:
        words = ["speaker-independent"]
    words.append(_sentences(found))
    if found["duplicate_audio"] is None:
        words.append("duplicates unknown, as the audio was not read")
    return "; ".join(words)


def _sentences(found: Mapping[str, Any]) -> str:
    """Whether sentences are in training and test, as far as it is known."""
    missing, used = found.get("text_missing", (0, 0))
    if found["text_overlap"]:
        return "sentences are in training and test"
    if found["text_overlap"] is not None:
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


def shared_speakers(folds: Mapping[str, Any]) -> list[str]:
    """Name each fold whose tested speakers are also trained on: what makes its numbers speaker-dependent.

    Example
    -------
    >>> shared_speakers({"audit": {"speaker_overlap": {"1": ["03", "08"]}}})
    ['fold 1: 2 speakers are in training and test: 03, 08']
    """
    return [
        f"fold {name}: {len(speakers)} speakers are in training and test: {', '.join(speakers)}"
        for name, speakers in folds["audit"]["speaker_overlap"].items()
    ]


def _refuse_shared_ids(fold: Mapping[str, Any], protocol: str) -> None:
    ids = [id_ for part in ("train", "dev", "test") for id_ in fold[part]]
    if len(ids) != len(set(ids)):
        twice = next(id_ for id_ in ids if ids.count(id_) > 1)
        raise UserError(
            f"--protocol {protocol}: fold {fold['name']} has {twice} twice: delete the folds file, run stage 0"
        )


def _duplicates(seen: Sequence[Utterance], test: Sequence[Utterance]) -> list[list[str]]:
    by_hash: dict[str, list[str]] = {}
    for item in seen:
        if item.sha256 is not None:
            by_hash.setdefault(item.sha256, []).append(item.id)
    pairs = [[left, item.id] for item in test if item.sha256 is not None for left in by_hash.get(item.sha256, [])]
    return sorted(pairs)


def _refuse_undeclared(found: Mapping[str, Any], protocol: str) -> None:
    if found["duplicate_audio"]:
        name, pairs = next(iter(found["duplicate_audio"].items()))
        count = len({frozenset(pair) for fold in found["duplicate_audio"].values() for pair in fold})
        raise UserError(
            f"--protocol {protocol}: {count} pairs of utterances have the same audio on both sides of a fold, first "
            f"{pairs[0][0]} and {pairs[0][1]} in fold {name}: remove one of each pair from the corpus"
        )
    for kind in _FIELDS:
        overlap = found[f"{kind}_overlap"]
        if overlap and kind not in DECLARED[protocol]:
            name, values = next(iter(overlap.items()))
            raise UserError(
                f"--protocol {protocol} declares no {kind} overlap, but {kind} {', '.join(values)} of fold {name} is "
                f"in training and test: check the corpus's {kind} fields, or choose another protocol or --dev rule"
            )
