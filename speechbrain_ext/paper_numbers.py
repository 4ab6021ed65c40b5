"""The numbers that a paper prints, read from the nodes of a table file: checked, and as fractions."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from speechbrain_ext.errors import UserError
from speechbrain_ext.labels import EMOTIONS


def has_folds(node: dict[str, Any]) -> bool:
    """Whether the node of a row has the scores of single folds."""
    return bool(node["paper"]) and "folds" in node["paper"]


def paper_folds(path: Path, node: dict[str, Any]) -> dict[str, tuple[float | None, float | None]]:
    """WA and UAR of a row's folds as the paper prints them.

    Raises
    ------
    UserError
        The node holds something else.
    """
    where, folds = f"{path}: row {node['name']}: paper: folds", node["paper"]["folds"]
    if not isinstance(folds, dict) or not folds:
        raise UserError(f"{where}: expected folds such as Session1F: {{wa: 73.12, uar: 72.57}}, found {folds!r}")
    found = {}
    for name, scores in folds.items():
        check_keys(scores, ("wa", "uar"), f"{where}: {name}")
        found[str(name)] = tuple(fraction(scores[key], f"{where}: {name}: {key}") for key in ("wa", "uar"))
    return found


def paper_recalls(recalls: Any, where: str) -> dict[str, float]:
    """The recall of each class as a fraction; empty where the paper prints none.

    Raises
    ------
    UserError
        The node holds something else.
    """
    if recalls is None:
        return {}
    if not isinstance(recalls, dict) or not recalls:
        raise UserError(f"{where}: expected per cent by class, found {recalls!r}")
    for name, value in recalls.items():
        if name not in EMOTIONS:
            raise UserError(f"{where}: class {name}: {nearest(str(name), EMOTIONS, 'classes')}")
        if value is None:
            raise UserError(f"{where}: {name}: expected per cent, found none")
    return {name: fraction(value, f"{where}: {name}") for name, value in recalls.items()}


def fraction(value: Any, where: str) -> float | None:
    """A number of per cent as a fraction, None for null.

    Raises
    ------
    UserError
        It is no number from 0 to 100.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 100:
        raise UserError(f"{where}: expected per cent or null, found {value!r}")
    # The papers print two decimals: dividing leaves digits that are not in print.
    return round(value / 100, 8)


def check_keys(tree: Any, known: Sequence[str], where: str, optional: Sequence[str] = ()) -> None:
    """Refuse unknown and missing keys.

    Raises
    ------
    UserError
        The first of them.
    """
    if not isinstance(tree, dict):
        raise UserError(f"{where}: expected the keys {', '.join(known)}, found {tree!r}")
    for key in tree:
        if key not in known:
            raise UserError(f"{where}: unknown key {key}: {nearest(key, known, 'keys')}")
    missing = [key for key in known if key not in tree and key not in optional]
    if missing:
        raise UserError(f"{where}: missing key {missing[0]}: add it")


def nearest(word: str, known: Sequence[str], what: str) -> str:
    """The nearest known word, or all of them."""
    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {near[0]}?" if near else f"{what}: {', '.join(known) or 'none'}"
