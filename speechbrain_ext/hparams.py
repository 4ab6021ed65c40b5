"""Strict HyperPyYAML: a misspelt key is an error, also inside an included system.

A recipe's YAML holds the facts of a corpus and includes one system. HyperPyYAML
accepts a misspelt child of an include in silence, and refuses to override an
include without children. Here every key is looked up before anything is built,
and what a training step depends on is read off the YAML's own references.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from speechbrain_ext.errors import UsageError, UserError
from speechbrain_ext.files import sha256_json
from speechbrain_ext.task import TASK_KEYS, Task
from speechbrain_ext.yaml_tree import is_number, merge, plain, reached, read, tag

INCLUDE = "!include:"
STRUCTURE = ("variant", "variants", "steps", "features", "presets")
PAPER = "paper"
NEUTRAL = ("checkpoint_epochs",)  # decide no result
RECIPE_KEYS = frozenset({"corpus", "protocol", "paper", "mini", "presets", "system"}) | TASK_KEYS


@dataclass
class Hparams:
    """A recipe's YAML with its system, checked, with overrides applied.

    Attributes
    ----------
    path : Path
        The recipe's YAML.
    corpus : dict
        The recipe's own keys: facts of the corpus.
    task : Task
        Which utterances are used and what they are trained towards, the user's overrides applied.
    system_name : str
        The stem of the recipe's YAML: what `--system` names.
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
    task: Task
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
        """Whether several variants or systems train this step, so that rows share it."""
        variants = sum(step in steps for steps in self.tree["variants"].values())
        return variants > 1 or bool(self.tree["steps"][step].get("shared"))

    def plain(self) -> dict[str, Any]:
        """The keys that are plain values: what a table of hyper-parameters shows."""
        scalar = (str, int, float, bool, type(None), list)
        return {key: value for key, value in self.tree.items() if isinstance(value, scalar) and key != "steps"}

    def step_tree(self, step: str) -> dict[str, Any]:
        """All that a training step depends on: its own node, what it refers to, and the common training keys."""
        nodes = self.tree["steps"]
        by_step = {name: reached(node, self.tree) for name, node in nodes.items()}
        used = {name: reached(node, self.tree) for name, node in self.tree["features"].items()}
        private = set().union(*by_step.values(), *used.values(), STRUCTURE, NEUTRAL)
        mine = {key for key in self.tree if key not in private} | by_step[step]
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
        facts = {key: self.corpus.get(key) for key in ("corpus", "protocol")} | {"task": self.task.to_dict()}
        return sha256_json({"steps": {step: self.step_tree(step) for step in self.steps}, "corpus": facts})

    def build(self) -> dict[str, Any]:
        """The system's YAML with its objects built by HyperPyYAML."""
        from hyperpyyaml import load_hyperpyyaml

        return load_hyperpyyaml(*self._document())

    def record(self) -> str:
        """The effective YAML, overrides applied, as text for `hyperparams.yaml`."""
        from hyperpyyaml import resolve_references

        resolved = resolve_references(*self._document())
        return f"# {self.system_name} for {self.corpus.get('corpus')}, overrides applied\n{resolved.read()}"

    def _document(self) -> tuple[str, dict[str, Any]]:
        """The system's YAML as text, and the overrides; HyperPyYAML refuses a mapping where there was null."""
        document = read(self.system_path)
        overrides = {**self._children, **self.overrides}
        for key in [key for key, value in overrides.items() if isinstance(value, Mapping) and document[key] is None]:
            document[key] = overrides.pop(key)
        text = io.StringIO()
        YAML().dump(document, text)
        return text.getvalue(), overrides


def load(
    path: str | Path,
    overrides: Mapping[str, Any] | None = None,
    source: str = "real",
    labels: Iterable[str] = (),
    preset: str = PAPER,
) -> Hparams:
    """Read a recipe's YAML and the system that it includes, and check every key.

    Arguments
    ---------
    path : str or Path
        `recipes/<CORPUS>/hparams/<system>.yaml`.
    overrides : mapping
        The user's values for keys of the system and of the task.
    source : str
        "mini": the recipe's key `mini` holds values for the mini corpus, below the user's.
    labels : iterable of str
        The corpus's labels, which are the classes where recipe and user name none.
    preset : str
        "paper", or a preset of the system's or the recipe's key `presets`: its values stand above the system's and
        the recipe's own, and below `mini` and the user's.

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
    recipe = read(path)
    node = recipe.get("system")
    include = tag(node)
    if not include.startswith(INCLUDE):
        raise UserError(f"{path}: expected a key `system: !include:<file>`, found {node!r}")
    system_path = (path.parent / include[len(INCLUDE) :]).resolve()
    children = dict(node) if isinstance(node, CommentedMap) else {}
    tree = {key: plain(value) for key, value in read(system_path).items()}
    for key in ("variant", "variants", "steps", "features"):
        if key not in tree:
            raise UserError(f"{system_path}: expected the key `{key}`, found {', '.join(tree)}")
    corpus = {key: plain(value) for key, value in recipe.items() if key not in ("system", "mini", "presets")}
    _ = merge(dict.fromkeys(RECIPE_KEYS), dict.fromkeys(recipe), str(path), UserError)
    if preset != PAPER:
        values = _preset(preset, tree, plain(recipe.get("presets") or {}), path)
        corpus |= {key: value for key, value in values.items() if key in TASK_KEYS}
        children |= {key: value for key, value in values.items() if key not in TASK_KEYS}
    if source == "mini":
        children |= recipe.get("mini") or {}
    mine = {key: plain(value) for key, value in (overrides or {}).items() if key in TASK_KEYS}
    theirs = {key: value for key, value in (overrides or {}).items() if key not in TASK_KEYS}
    task = _task(path, corpus, mine, labels)
    if task.outputs and "n_classes" in tree:
        if theirs.get("n_classes", task.outputs) != task.outputs:
            raise UsageError("--n_classes follows from the classes: give --classes [a, b, ...] in its place")
        children["n_classes"] = task.outputs
    merged = merge(tree, children, f"{path}: system", UserError)
    merged = merge(merged, theirs, "option", UsageError)
    _check_references(merged, system_path)
    loaded = Hparams(path, corpus, path.stem, system_path, merged, theirs, task, children)
    _ = loaded.steps
    return loaded


def _preset(name: str, tree: dict[str, Any], of_recipe: dict[str, Any], path: Path) -> dict[str, Any]:
    """Values of a preset: the system's, then the recipe's."""
    of_system = tree.get("presets") or {}
    known = [PAPER, *dict.fromkeys([*of_system, *of_recipe])]
    if name not in known:
        raise UsageError(f"--preset {name}: {path.stem} has {', '.join(known)}")
    return {**(of_system.get(name) or {}), **(of_recipe.get(name) or {})}


def _task(path: Path, corpus: dict[str, Any], overrides: dict[str, Any], labels: Iterable[str]) -> Task:
    """The recipe's task with the user's values; a wrong one is told of the option or of the file."""
    asked = Task.from_keys(overrides, "option") if overrides else None
    task = Task.from_keys({**corpus, **overrides}, "option" if asked else str(path))
    return task.with_classes(labels)


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
        if isinstance(found[key], str) and is_number(found[key]):
            found[key] = float(found[key])
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
