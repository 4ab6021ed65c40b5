"""Checks of a system's keys with all values in place: type and range of each, and names that must exist."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from speechbrain_ext.hparams.key_types import KeyType, declared_types, parse_type
from speechbrain_ext.hparams.training import TRAINING_TYPES
from speechbrain_ext.utils.errors import UsageError, UserError
from speechbrain_ext.utils.json_values import JsonValue
from speechbrain_ext.utils.yaml_tree import resolved

STRUCTURE = ("variant", "variants", "phases", "features", "presets", "types", "mini")
LOSS_RATE = parse_type("number >= 0, <= 10 or null")


def declarations(tree: Mapping[str, JsonValue], path: Path) -> dict[str, KeyType]:
    """Declared type of each key of a system.

    Arguments
    ---------
    tree : mapping
        The system's YAML as plain values.
    path : Path
        That YAML, for messages.

    Raises
    ------
    UserError
        A key without a declaration, or a declaration without a key.
    """
    own = tree.get("types") or {}
    if not isinstance(own, dict):
        raise UserError(f"{path}: types: expected keys with their types, found {own!r}: correct it")
    try:
        known = declared_types(own)
    except ValueError as fault:
        raise UserError(f"{path}: {fault}: correct it") from None
    keys = [key for key in tree if key == "variant" or key not in STRUCTURE]
    for key in keys:
        if key not in known:
            raise UserError(
                f"{path}: {key}: expected its type under `types:`, found none: add a line such as `{key}: number > 0`"
            )
    for key in own:
        if key not in keys:
            raise UserError(f"{path}: types: {key}: expected a key of this system, found none such: remove the line")
    return {key: known[key] for key in keys} | {"loss_lr": LOSS_RATE}


def check_values(
    tree: Mapping[str, JsonValue],
    types: Mapping[str, KeyType],
    files: Mapping[str, Path],
    usual: Mapping[str, JsonValue],
    asked: Mapping[str, JsonValue],
) -> None:
    """Check each value against its declared type, also those that single phases are trained with.

    Arguments
    ---------
    tree : mapping
        The system with all values in place, references unresolved.
    types : mapping
        What `declarations` gives.
    files : mapping
        The YAML that each value comes from, where it is not the user's.
    usual, asked : mapping
        The recipe's values, and the user's.

    Raises
    ------
    UsageError
        A value of the user's is of another type or outside its range.
    UserError
        The same of a YAML's value, or a reference that stands for nothing.
    """
    for key, value in tree.items():
        if key in STRUCTURE and key != "variant":
            continue
        if fault := _fault(value, types[key], tree):
            if key in asked:
                raise UsageError(f"--{key}: {fault}: {_cure(key, usual[key])}")
            raise UserError(f"{files[key]}: {key}: {fault}: change it")
    phases: Any = tree["phases"]
    of_user = "phases" in asked
    for name, node in phases.items():
        where = f"--phases: {name}" if of_user else f"{files['phases']}: phase {name}"
        error = UsageError if of_user else UserError
        training = node.get("training") or {}
        if not isinstance(training, dict):
            raise error(f"{where}: training: expected keys with values, found {training!r}: change it")
        given = training | ({"loss_lr": node["loss_lr"]} if "loss_lr" in node else {})
        for key, value in given.items():
            if key not in TRAINING_TYPES and key != "loss_lr":
                raise error(f"{where}: {key}: expected a key of a training, found none such: rename or remove it")
            if fault := _fault(value, types[key], tree):
                raise error(f"{where}: {key}: {fault}: change it")
    for key in ("phases", "features"):
        try:
            resolved(tree[key], dict(tree))
        except ValueError as fault:
            raise UserError(f"{files[key]}: {key}: {fault}: change it") from None


def check_references(tree: Mapping[str, JsonValue], path: Path) -> None:
    """Check the names of phases and features that a system's parts use.

    Raises
    ------
    UserError
        A variant, a phase or a list of features names what is not there.
    """
    for key in ("variants", "phases", "features"):
        if not isinstance(tree[key], dict):
            raise UserError(f"{path}: {key}: expected names with values, found {tree[key]!r}: correct it")
    nodes: Any = tree["phases"]
    variants: Any = tree["variants"]
    features: Any = tree["features"]
    for name, node in nodes.items():
        if not isinstance(node, dict):
            raise UserError(f"{path}: phase {name}: expected keys with values, found {node!r}: correct it")
    for variant, phases in variants.items():
        for phase in phases:
            if phase not in nodes:
                raise UserError(f"{path}: variant {variant}: unknown phase {phase}: phases: {', '.join(nodes)}")
        for place, phase in enumerate(phases):
            for frozen in nodes[phase].get("frozen") or []:
                if frozen not in phases[:place]:
                    raise UserError(f"{path}: variant {variant}: phase {phase}: frozen {frozen} is no earlier phase")
    for name, node in nodes.items():
        for feature in node.get("features") or []:
            if feature not in features:
                raise UserError(f"{path}: phase {name}: unknown feature {feature}: features: {', '.join(features)}")


def _fault(value: Any, kind: KeyType, tree: Mapping[str, JsonValue]) -> str:
    """What is wrong with a value, or ""."""
    try:
        found = resolved(value, dict(tree))
    except ValueError as fault:
        return str(fault)
    return "" if kind.accepts(found) else f"expected {kind.text}, found {found!r}"[:300]


def _cure(key: str, usual: Any) -> str:
    """What to type instead of a wrong value."""
    if isinstance(usual, (dict, list)) or str(usual).startswith("!"):
        return "give another value, or leave it out"
    return f"give another value, such as -- --{key} {usual if isinstance(usual, str) else json.dumps(usual)}"
