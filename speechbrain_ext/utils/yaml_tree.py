"""YAML trees as plain values: read, merged with overrides key by key, searched for references."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, TaggedScalar
from ruamel.yaml.error import YAMLError

from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.json_values import JsonObject
from speechbrain_ext.utils.nearest import suggestion
from speechbrain_ext.utils.yaml_safety import MAX_BYTES, REF, refuse_tags

REFERENCE = re.compile(r"<([A-Za-z_][A-Za-z0-9_]*)(?:\[[^>]*\])?>")


def is_number(text: str) -> bool:
    """Whether a word is a number in exponent form, which YAML 1.2 reads as text: it asks for a dot."""
    return re.fullmatch(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+", text) is not None


def read_text(path: Path) -> str:
    """Read the text of a YAML file; a missing, strange or very long one is a UserError that names it."""
    if not path.exists():
        near = sorted(p.stem for p in path.parent.glob("*.yaml")) if path.parent.is_dir() else []
        raise UserError(f"missing {path}: systems here: {', '.join(near) or 'none'}")
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        raise UserError(
            f"{path}: expected a regular file of at most {MAX_BYTES} bytes, found another: name a YAML file"
        )
    try:
        return path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, PermissionError) as fault:
        raise UserError(f"{path}: not YAML: {' '.join(str(fault).split())}: name a YAML file") from None


def parse(text: str, where: str) -> CommentedMap:
    """Read a YAML text of keys and values, checked by `yaml_safety.scan` before."""
    try:
        content = YAML().load(text)
    except (YAMLError, ValueError) as fault:
        raise UserError(f"{where}: not YAML: {' '.join(str(fault).split())}") from None
    if not isinstance(content, CommentedMap):
        raise UserError(f"{where}: expected keys with values, found {type(content).__name__}")
    return content


def read(path: Path) -> CommentedMap:
    """Read a YAML file that holds plain values alone."""
    text = read_text(path)
    refuse_tags(text, str(path))
    return parse(text, str(path))


def tag(node: Any) -> str:
    """A node's tag, or ""."""
    tag = getattr(node, "tag", None)
    value = getattr(tag, "value", tag)
    return str(value) if value else ""


def plain(node: Any) -> Any:
    """ruamel's nodes as plain values; a tag stays as the key `__tag__` or `!tag text`."""
    if isinstance(node, TaggedScalar):
        return f"{tag(node)} {node.value}".strip()
    if isinstance(node, Mapping):
        start = {"__tag__": tag(node)} if tag(node).startswith("!") else {}
        return start | {str(key): plain(value) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        items = [plain(value) for value in node]
        return {"__tag__": tag(node), "items": items} if tag(node).startswith("!") else items
    if isinstance(node, bool) or node is None:
        return node
    for kind in (int, float):
        if isinstance(node, kind):
            return kind(node)
    text = str(node)
    return float(text) if is_number(text) else text


def merge(
    tree: JsonObject, overrides: JsonObject, where: str, error: type[UserError], typed: Container[str] = ()
) -> JsonObject:
    """Put overrides into a tree; an unknown key or another kind of value is an error that names it.

    Arguments
    ---------
    tree, overrides : dict
    where : str
        The file or option, for messages.
    error : type
        Class of the errors.
    typed : container of str
        Keys of the tree's top level whose values are checked by their declared types instead.
    """
    merged = dict(tree)
    for key, raw in overrides.items():
        value = plain(raw)
        if key not in tree:
            keys = [each for each in tree if each != "__tag__"]
            raise error(f"{where}: unknown key {key}: {suggestion(key, keys, 'keys')}")
        old = tree[key]
        if isinstance(old, dict) and isinstance(value, dict):
            merged[key] = merge(old, value, f"{where}: {key}", error)
            continue
        if key not in typed and not _same_kind(old, value):
            raise error(f"{where}: {key}: expected a value like {old!r}, found {value!r}")
        merged[key] = value
    return merged


def _same_kind(old: Any, new: Any) -> bool:
    if old is None or new is None or (isinstance(old, str) and old.startswith("!")):
        return True
    if isinstance(old, bool) or isinstance(new, bool):
        return isinstance(old, bool) and isinstance(new, bool)
    if isinstance(old, (int, float)):
        return isinstance(new, (int, float)) and not (isinstance(old, int) and isinstance(new, float) and new % 1)
    return isinstance(new, type(old))


def resolved(node: Any, tree: JsonObject, passed: tuple[str, ...] = ()) -> Any:
    """A node of a tree with the values that its references stand for, as HyperPyYAML finds them.

    Raises
    ------
    ValueError
        A reference names no key, or leads back to itself, or a formula has other values than numbers.

    Example
    -------
    >>> resolved({"rate": "!ref <lr> * 0.5"}, {"lr": 0.5})
    {'rate': 0.25}
    """
    if isinstance(node, dict):
        return {key: resolved(value, tree, passed) for key, value in node.items()}
    if isinstance(node, list):
        return [resolved(value, tree, passed) for value in node]
    if not _is_reference(node):
        return node
    formula = node[len(REF) :].strip()
    if REFERENCE.fullmatch(formula):
        return _referred(formula, tree, passed)
    numbers = {}
    for name in dict.fromkeys(match[0] for match in REFERENCE.finditer(formula)):
        inner = _lookup(name, tree)
        if _is_reference(inner) and not REFERENCE.fullmatch(inner[len(REF) :].strip()):
            # HyperPyYAML puts the text of the inner formula into the outer one, without parentheses.
            raise ValueError(f"{node}: {name} is a formula itself: write the outer one out")
        value = _referred(name, tree, passed)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f"{node}: expected a number as {name}, found {value!r}")
        numbers[name] = repr(value)
    from hyperpyyaml.core import parse_arithmetic

    try:
        return parse_arithmetic(REFERENCE.sub(lambda match: numbers[match[0]], formula))
    except (ZeroDivisionError, OverflowError) as fault:
        raise ValueError(f"{node}: {fault}") from None


def _referred(reference: str, tree: JsonObject, passed: tuple[str, ...]) -> Any:
    if reference in passed:
        raise ValueError(f"{REF} {reference} leads back to itself")
    return resolved(_lookup(reference, tree), tree, (*passed, reference))


def _lookup(reference: str, tree: JsonObject) -> Any:
    node: Any = tree
    for part in reference.strip("<>").replace("]", "").split("["):
        if not isinstance(node, dict) or part not in node:
            raise ValueError(f"{REF} {reference}: there is no such key")
        node = node[part]
    return node


def _is_reference(node: Any) -> bool:
    return isinstance(node, str) and node.startswith(f"{REF} ")


def reached(node: Any, tree: JsonObject) -> set[str]:
    """Top-level keys that a node refers to, directly or through others."""
    found: set[str] = set()
    waiting = [node]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
        elif isinstance(item, str):
            for name in REFERENCE.findall(item) if item.startswith("!") else []:
                if name in tree and name not in found:
                    found.add(name)
                    waiting.append(tree[name])
    return found
