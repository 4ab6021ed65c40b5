"""Checks of a split that is read: kinds of values, utterances that exist, and the audit for leakage again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.preparation.audit import DECLARED, audit
from speechbrain_ext.utils.errors import UserError

PARTS = ("train", "dev", "test")
KINDS = {"protocol": str, "corpus": str, "fold_seed": int, "dev": str, "classes": list, "folds": list, "audit": dict}


def check_structure(path: str | Path, folds: Mapping[str, Any], made_by: str) -> None:
    """Refuse a file whose values are not of the kinds that stage 0 writes.

    Arguments
    ---------
    path : str or Path
        The file, for the error message.
    folds : mapping
        Its content.
    made_by : str
        The command that makes it, for the error message.

    Raises
    ------
    UserError
        The first thing that is not as stage 0 writes it.
    """
    wrong = [name for name, kind in KINDS.items() if type(folds.get(name)) is not kind]
    if wrong:
        _refuse(path, f"{', '.join(wrong)} of another kind or missing", made_by)
    if not _are_texts(folds["classes"]):
        _refuse(path, "classes that are no names", made_by)
    if folds["protocol"] not in DECLARED:
        _refuse(path, f"the protocol {folds['protocol'][:80]!r}", made_by)
    names = []
    for fold in folds["folds"]:
        if not isinstance(fold, dict) or not all(_are_texts(fold.get(part)) for part in PARTS):
            _refuse(path, "a fold without lists of ids", made_by)
        names.append(fold.get("name"))
        if not isinstance(names[-1], str) or not names[-1]:
            _refuse(path, "a fold without a name", made_by)
        if not fold["train"] or not fold["test"]:
            _refuse(path, f"fold {names[-1]} without an utterance to train or to test on", made_by)
    if not names or len(set(names)) < len(names):
        _refuse(path, "two folds of one name" if names else "no fold", made_by)


def check_folds(path: str | Path, folds: Mapping[str, Any], utterances: Sequence[Utterance], made_by: str) -> None:
    """Audit a split again that is read from a file, with the corpus as it is now.

    Arguments
    ---------
    path : str or Path
        The file, for the error message.
    folds : mapping
        Its content, as `read_folds` gives it.
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
    for fold in folds["folds"]:
        for part in PARTS:
            if strange := next((id_ for id_ in fold[part] if id_ not in known), None):
                _refuse(path, f"{strange[:80]!r} in fold {fold['name']}, which is not in the manifest", made_by)
    try:
        found = audit(folds, utterances)
    except UserError as fault:
        raise UserError(f"{path}: edited, or of another manifest: {fault}; or make it again with: {made_by}") from None
    if found != folds["audit"]:
        kinds = ", ".join(kind for kind in found if found[kind] != folds["audit"].get(kind))
        _refuse(path, f"another audit than its folds have ({kinds or 'more keys'})", made_by)


def _are_texts(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _refuse(path: str | Path, found: str, made_by: str) -> None:
    raise UserError(f"{path}: expected folds as stage 0 makes them, found {found}: make it again with: {made_by}")
