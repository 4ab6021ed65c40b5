"""Strict HyperPyYAML: a misspelt key is an error, also inside an included system.

A recipe's YAML holds the facts of a corpus and includes one system. HyperPyYAML
accepts a misspelt child of an include in silence, and refuses to override an
include without children. Here every key is looked up before anything is built,
and what a training step depends on is read off the YAML's own references.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, TaggedScalar
from ruamel.yaml.error import YAMLError

from speechbrain_ext.errors import UsageError, UserError
from speechbrain_ext.files import sha256_json

INCLUDE = "!include:"
REFERENCE = re.compile(r"<([A-Za-z_][A-Za-z0-9_]*)(?:\[[^>]*\])?>")
STRUCTURE = ("variant", "variants", "steps", "features")
NEUTRAL = ("checkpoint_epochs",)  # decide no result


@dataclass
class Hparams:
    """A recipe's YAML with its system, checked, with overrides applied.

    Attributes
    ----------
    path : Path
        The recipe's YAML.
    corpus : dict
        The recipe's own keys: facts of the corpus.
    system_name : str
        The stem of the included file.
    tree : dict
        The system's YAML as plain values, references unresolved.
    overrides : dict
        The user's overrides of the system, for the record.
    """

    path: Path
    corpus: dict[str, Any]
    system_name: str
    system_path: Path
    tree: dict[str, Any]
    overrides: dict[str, Any]
    _children: dict[str, Any] = field(repr=False, default_factory=dict)

    @property
    def steps(self) -> list[str]:
        """Training steps of the chosen variant, in order."""
        variants = self.tree["variants"]
        variant = self.tree["variant"]
        if variant not in variants:
            raise UsageError(f"{self.path}: variant: {variant!r} is not one of {', '.join(variants)}")
        return list(variants[variant])

    def shared(self, step: str) -> bool:
        """Whether several variants train this step, so that rows share it."""
        return sum(step in steps for steps in self.tree["variants"].values()) > 1

    def plain(self) -> dict[str, Any]:
        """The keys that are plain values: what a table of hyper-parameters shows."""
        scalar = (str, int, float, bool, type(None), list)
        return {key: value for key, value in self.tree.items() if isinstance(value, scalar) and key != "steps"}

    def step_tree(self, step: str) -> dict[str, Any]:
        """All that a training step depends on: its own node, what it refers to, and the common training keys."""
        nodes = self.tree["steps"]
        reached = {name: _reached(node, self.tree) for name, node in nodes.items()}
        used = {name: _reached(node, self.tree) for name, node in self.tree["features"].items()}
        private = set().union(*reached.values(), *used.values(), STRUCTURE, NEUTRAL)
        mine = {key for key in self.tree if key not in private} | reached[step]
        names = self.step_features(step)
        for name in names:
            mine |= used[name]
        return {
            "step": nodes[step],
            "features": {name: self.tree["features"][name] for name in names},
            "keys": {key: self.tree[key] for key in sorted(mine)},
        }

    def step_features(self, step: str) -> list[str]:
        """Names of the cached features that a step reads."""
        return list(self.tree["steps"][step].get("features") or [])

    def frozen(self, step: str) -> list[str]:
        """Earlier steps whose embeddings a step is trained on."""
        return list(self.tree["steps"][step].get("frozen") or [])

    def features(self) -> list[str]:
        """Names of the cached features that the chosen variant reads."""
        names: list[str] = []
        for step in self.steps:
            names += [name for name in self.step_features(step) if name not in names]
        return names

    def sha256(self) -> str:
        """Hash of everything that decides a result of the chosen variant."""
        facts = {key: value for key, value in self.corpus.items() if key != "paper"}
        return sha256_json({"steps": {step: self.step_tree(step) for step in self.steps}, "corpus": facts})

    def build(self) -> dict[str, Any]:
        """The system's YAML with its objects built by HyperPyYAML."""
        from hyperpyyaml import load_hyperpyyaml

        overrides = {**self._children, **self.overrides}
        with open(self.system_path, encoding="utf-8") as stream:
            return load_hyperpyyaml(stream, overrides)

    def record(self) -> str:
        """The effective YAML, overrides applied, as text for `hyperparams.yaml`."""
        from hyperpyyaml import resolve_references

        with open(self.system_path, encoding="utf-8") as stream:
            resolved = resolve_references(stream, {**self._children, **self.overrides})
        return f"# {self.system_name} for {self.corpus.get('corpus')}, overrides applied\n{resolved.read()}"


def load(path: str | Path, overrides: Mapping[str, Any] | None = None) -> Hparams:
    """Read a recipe's YAML and the system that it includes, and check every key.

    Arguments
    ---------
    path : str or Path
        `recipes/<CORPUS>/hparams/<system>.yaml`.
    overrides : mapping
        The user's values for keys of the system.

    Returns
    -------
    Hparams

    Raises
    ------
    UserError
        A missing or broken file, or a key that the system does not have.
    UsageError
        An override of a key that does not exist, or of another kind of value.
    """
    path = Path(path)
    recipe = _read(path)
    node = recipe.get("system")
    tag = _tag(node)
    if not tag.startswith(INCLUDE):
        raise UserError(f"{path}: expected a key `system: !include:<file>`, found {node!r}")
    system_path = (path.parent / tag[len(INCLUDE) :]).resolve()
    children = dict(node) if isinstance(node, CommentedMap) else {}
    tree = {key: _plain(value) for key, value in _read(system_path).items()}
    for key in ("variant", "variants", "steps", "features"):
        if key not in tree:
            raise UserError(f"{system_path}: expected the key `{key}`, found {', '.join(tree)}")
    corpus = {key: _plain(value) for key, value in recipe.items() if key != "system"}
    merged = _merge(tree, children, f"{path}: system", UserError)
    merged = _merge(merged, dict(overrides or {}), "option", UsageError)
    _check_references(merged, system_path)
    loaded = Hparams(path, corpus, system_path.stem, system_path, merged, dict(overrides or {}), children)
    _ = loaded.steps
    return loaded


def parse_overrides(words: list[str]) -> dict[str, Any]:
    """Turn `--key value --other=value` into a mapping, values read as YAML.

    Raises
    ------
    UsageError
        A word that is no option, a missing value, a value that is no YAML, or a key given twice.

    Example
    -------
    >>> parse_overrides(["--hidden_size", "256", "--variant=frlm"])
    {'hidden_size': 256, 'variant': 'frlm'}
    """
    found: dict[str, Any] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--") or len(word) < 3:
            raise UsageError(f"expected --key value after `--`, found {word!r}")
        key, equals, text = word[2:].partition("=")
        key = key.replace("-", "_")
        if not equals:
            if not rest:
                raise UsageError(f"--{key}: missing value: type --{key} VALUE")
            text = rest.pop(0)
        if key in found:
            raise UsageError(f"--{key} is given twice: keep one")
        try:
            found[key] = YAML().load(text)
        except YAMLError:
            raise UsageError(f"--{key}: {text!r} is not a YAML value") from None
        if isinstance(found[key], str) and _is_number(found[key]):
            found[key] = float(found[key])
    return found


def _is_number(text: str) -> bool:
    # YAML 1.2 reads 1e-4 as a string: it asks for a dot.
    return re.fullmatch(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+", text) is not None


def _read(path: Path) -> CommentedMap:
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


def _tag(node: Any) -> str:
    tag = getattr(node, "tag", None)
    value = getattr(tag, "value", tag)
    return str(value) if value else ""


def _plain(node: Any) -> Any:
    """ruamel's nodes as plain values; a tag stays as the key `__tag__` or `!tag text`."""
    if isinstance(node, TaggedScalar):
        return f"{_tag(node)} {node.value}".strip()
    if isinstance(node, Mapping):
        tag = _tag(node)
        plain = {"__tag__": tag} if tag.startswith("!") else {}
        return plain | {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        items, tag = [_plain(value) for value in node], _tag(node)
        return {"__tag__": tag, "items": items} if tag.startswith("!") else items
    if isinstance(node, bool) or node is None:
        return node
    for kind in (int, float):
        if isinstance(node, kind):
            return kind(node)
    text = str(node)
    return float(text) if _is_number(text) else text


def _merge(tree: dict[str, Any], overrides: dict[str, Any], where: str, error: type[UserError]) -> dict[str, Any]:
    merged = dict(tree)
    for key, raw in overrides.items():
        value = _plain(raw)
        if key not in tree:
            near = difflib.get_close_matches(key, list(tree), n=1)
            hint = f": did you mean {near[0]}?" if near else f": keys: {', '.join(k for k in tree if k != '__tag__')}"
            raise error(f"{where}: unknown key {key}{hint}")
        old = tree[key]
        if isinstance(old, dict) and isinstance(value, dict):
            merged[key] = _merge(old, value, f"{where}: {key}", error)
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


def _reached(node: Any, tree: dict[str, Any]) -> set[str]:
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


def _check_references(tree: dict[str, Any], path: Path) -> None:
    for variant, steps in tree["variants"].items():
        for step in steps:
            if step not in tree["steps"]:
                raise UserError(f"{path}: variant {variant}: unknown step {step}: steps: {', '.join(tree['steps'])}")
    for name, step in tree["steps"].items():
        for feature in step.get("features") or []:
            if feature not in tree["features"]:
                known = ", ".join(tree["features"])
                raise UserError(f"{path}: step {name}: unknown feature {feature}: features: {known}")
