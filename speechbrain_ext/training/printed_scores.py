"""Scores that a paper prints, as they stand in the file of a table: rows, folds and recalls of classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypedDict, TypeVar

from speechbrain_ext.corpora.labels import EMOTIONS
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.nearest import suggestion

T = TypeVar("T")


class Row(TypedDict):
    """What is read here of a row of a table's file."""

    name: str
    paper: dict[str, Any] | None


def printed(path: Path, rows: Sequence[Row], key: str, read: Callable[[Any, str], T]) -> dict[str, T]:
    """What the paper prints beyond WA and UAR, by the row's name, where it prints it.

    Arguments
    ---------
    path : Path
        The file, for error messages.
    rows : sequence of dict
        Its rows.
    key : str
        The key below `paper`.
    read : callable
        Checks a value; called with the value and its place in the file.
    """
    given = {row["name"]: row["paper"] for row in rows if row["paper"] and key in row["paper"]}
    return {name: read(paper[key], f"{path}: row {name}: paper: {key}") for name, paper in given.items()}


def folds_of(folds: Any, where: str) -> dict[str, tuple[float | None, float | None]]:
    """WA and UAR of each fold, as fractions.

    Example
    -------
    >>> folds_of({"Session1F": {"wa": 73.12, "uar": None}}, "row")
    {'Session1F': (0.7312, None)}
    """
    if not isinstance(folds, dict) or not folds:
        raise UserError(f"{where}: expected folds such as Session1F: {{wa: 73.12, uar: 72.57}}, found {folds!r}")
    found = {}
    for name, scores in folds.items():
        check_keys(scores, ("wa", "uar"), f"{where}: {name}")
        wa, uar = (fraction(scores[key], f"{where}: {name}: {key}") for key in ("wa", "uar"))
        found[str(name)] = (wa, uar)
    return found


def recalls_of(recalls: Any, where: str) -> dict[str, float]:
    """The recall of each class, as fractions.

    Example
    -------
    >>> recalls_of({"neutral": 80.70, "anger": 66.09}, "row")
    {'neutral': 0.807, 'anger': 0.6609}
    """
    if not isinstance(recalls, dict) or not recalls:
        raise UserError(f"{where}: expected per cent by class, found {recalls!r}")
    found = {}
    for name, value in recalls.items():
        if name not in EMOTIONS:
            raise UserError(f"{where}: class {name}: {suggestion(str(name), EMOTIONS, 'classes')}")
        share = fraction(value, f"{where}: {name}")
        if share is None:
            raise UserError(f"{where}: {name}: expected per cent, found none")
        found[name] = share
    return found


def fraction(value: Any, where: str) -> float | None:
    """A number in per cent as a fraction; None stays."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 100:
        raise UserError(f"{where}: expected per cent or null, found {value!r}")
    # The papers print two decimals: dividing leaves further digits.
    return round(value / 100, 8)


def check_keys(tree: Any, known: Sequence[str], where: str, optional: Sequence[str] = ()) -> None:
    """Refuse a value that is no mapping, has a key that is not known, or lacks one."""
    if not isinstance(tree, dict):
        raise UserError(f"{where}: expected the keys {', '.join(known)}, found {tree!r}")
    for key in tree:
        if key not in known:
            raise UserError(f"{where}: unknown key {key}: {suggestion(key, known, 'keys')}")
    missing = [key for key in known if key not in tree and key not in optional]
    if missing:
        raise UserError(f"{where}: missing key {missing[0]}: add it")
