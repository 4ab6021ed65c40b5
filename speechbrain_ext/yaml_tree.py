"""YAML trees as plain values: read, merged with overrides key by key, searched for references."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, TaggedScalar
from ruamel.yaml.error import YAMLError

from speechbrain_ext.errors import UserError

REFERENCE = re.compile(r"<([A-Za-z_][A-Za-z0-9_]*)(?:\[[^>]*\])?>")


def is_number(text: str) -> bool:
    """Whether a word is a number in exponent form, which YAML 1.2 reads as text: it asks for a dot."""
    return re.fullmatch(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+", text) is not None


def read(path: Path) -> CommentedMap:
    """Read a YAML file of keys and values; a missing or broken one is a UserError that names it."""
    try:
        with open(path, encoding="utf-8") as stream:
            content = YAML().load(stream)
    except FileNotFoundError:
        near = sorted(p.stem for p in path.parent.glob("*.yaml")) if path.parent.is_dir() else []
        raise UserError(f"missing {path}: systems here: {', '.join(near) or 'none'}") from None
    except YAMLError as fault:
        raise UserError(f"{path}: not YAML: {' '.join(str(fault).split())}") from None
    if not isinstance(content, CommentedMap):
        raise UserError(f"{path}: expected keys with values, found {type(content).__name__}")
    return content


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


def merge(tree: dict[str, Any], overrides: dict[str, Any], where: str, error: type[UserError]) -> dict[str, Any]:
    """Put overrides into a tree; an unknown key or another kind of value is an error that names it."""
    merged = dict(tree)
    for key, raw in overrides.items():
        value = plain(raw)
        if key not in tree:
            near = difflib.get_close_matches(key, list(tree), n=1)
            hint = f": did you mean {near[0]}?" if near else f": keys: {', '.join(k for k in tree if k != '__tag__')}"
            raise error(f"{where}: unknown key {key}{hint}")
        old = tree[key]
        if isinstance(old, dict) and isinstance(value, dict):
            merged[key] = merge(old, value, f"{where}: {key}", error)
            continue
        if not _same_kind(old, value):
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


def reached(node: Any, tree: dict[str, Any]) -> set[str]:
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
