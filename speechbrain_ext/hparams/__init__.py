"""Strict HyperPyYAML: a misspelt key is an error, also inside an included system.

A recipe's YAML holds the facts of a corpus and includes one system. HyperPyYAML
accepts a misspelt child of an include in silence, and refuses to override an
include without children. Here every key is looked up, its value checked against
its declared type, and every tag against what may run, before anything is built.
What a phase depends on is read off the YAML's own references.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from speechbrain_ext.corpora.task import TASK_KEYS, Task
from speechbrain_ext.hparams.key_types import KeyType
from speechbrain_ext.hparams.recipe_files import read_recipe
from speechbrain_ext.hparams.system_checks import STRUCTURE, check_references, check_values, declarations
from speechbrain_ext.hparams.training import training_defaults
from speechbrain_ext.utils.errors import UsageError, UserError
from speechbrain_ext.utils.files import sha256_json
from speechbrain_ext.utils.yaml_safety import refuse_objects, refuse_tags
from speechbrain_ext.utils.yaml_tree import is_number, merge, parse, plain, reached

# Parts of the YAML that are no hyper-parameters: an override cannot change them.
FIXED = ("variants", "presets", "types")
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
    types : dict
        Declared type of each key of the system.
    trusted : tuple of str
        Tags that run only because the user trusts this YAML, with file and line.
    """

    path: Path
    corpus: dict[str, Any]
    system_name: str
    system_path: Path
    tree: dict[str, Any]
    overrides: dict[str, Any]
    task: Task
    types: dict[str, KeyType]
    trusted: tuple[str, ...] = ()
    _children: dict[str, Any] = field(repr=False, default_factory=dict)
    _text: str = field(repr=False, default="")

    @property
    def phases(self) -> list[str]:
        """Training phases of the chosen variant, in order."""
        variants = self.tree["variants"]
        variant = self.tree["variant"]
        if variant not in variants:
            raise UsageError(f"{self.path}: variant: {variant!r} is not one of {', '.join(variants)}")
        return list(variants[variant])

    def shared(self, phase: str) -> bool:
        """Whether several variants or systems train this phase, so that rows share it."""
        variants = sum(phase in phases for phases in self.tree["variants"].values())
        return variants > 1 or bool(self.tree["phases"][phase].get("shared"))

    def plain(self) -> dict[str, Any]:
        """The keys that are plain values: what a table of hyper-parameters shows."""
        scalar = (str, int, float, bool, type(None), list)
        return {key: value for key, value in self.tree.items() if isinstance(value, scalar) and key != "phases"}

    def phase_tree(self, phase: str) -> dict[str, Any]:
        """All that a phase depends on: its own node, what it refers to, and the common training keys."""
        nodes = self.tree["phases"]
        by_phase = {name: reached(node, self.tree) for name, node in nodes.items()}
        used = {name: reached(node, self.tree) for name, node in self.tree["features"].items()}
        private = set().union(*by_phase.values(), *used.values(), STRUCTURE, NEUTRAL)
        mine = {key for key in self.tree if key not in private} | by_phase[phase]
        names = self.phase_features(phase)
        for name in names:
            mine |= used[name]
        return {
            "phase": nodes[phase],
            "features": {name: self.tree["features"][name] for name in names},
            "keys": {key: self.tree[key] for key in sorted(mine)},
        }

    def phase_features(self, phase: str) -> list[str]:
        """Names of the cached features that a phase reads."""
        return list(self.tree["phases"][phase].get("features") or [])

    def frozen(self, phase: str) -> list[str]:
        """Earlier phases whose embeddings a phase is trained on."""
        return list(self.tree["phases"][phase].get("frozen") or [])

    def features(self) -> list[str]:
        """Names of the cached features that the chosen variant reads."""
        names: list[str] = []
        for phase in self.phases:
            names += [name for name in self.phase_features(phase) if name not in names]
        return names

    def sha256(self) -> str:
        """Hash of everything that decides a result of the chosen variant."""
        facts = {key: self.corpus.get(key) for key in ("corpus", "protocol")} | {"task": self.task.to_dict()}
        return sha256_json({"phases": {phase: self.phase_tree(phase) for phase in self.phases}, "corpus": facts})

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
        # The text that was checked: the file may have changed since.
        document = parse(self._text, str(self.system_path))
        for key, value in training_defaults().items():
            if key in self.tree:
                document.setdefault(key, value)
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
    trust: bool = False,
) -> Hparams:
    """Read a recipe's YAML and the system that it includes, and check every key.

    Arguments
    ---------
    path : str or Path
        `recipes/<CORPUS>/hparams/<system>.yaml`.
    overrides : mapping
        The user's values for keys of the system and of the task: plain values and `!ref`.
    source : str
        "mini": the recipe's key `mini` holds values for the mini corpus, below the user's.
    labels : iterable of str
        The corpus's labels, which are the classes where recipe and user name none.
    preset : str
        "paper", or a preset of the system's or the recipe's key `presets`: its values stand above the system's and
        the recipe's own, and below `mini` and the user's.
    trust : bool
        Whether a YAML that is not the repository's own, or that names code outside the list of
        `speechbrain_ext.utils.yaml_safety`, may run that code.

    Returns
    -------
    Hparams

    Raises
    ------
    UserError
        A missing or broken file, code that is not trusted, or a key that the system does not have.
    UsageError
        An override of a key that does not exist, or a value of another type or outside its range.
    """
    path = Path(path)
    files = read_recipe(path, trust)
    recipe, tree, children = files.recipe, files.tree, dict(files.children)
    corpus = {key: plain(value) for key, value in recipe.items() if key not in ("system", "mini", "presets")}
    _ = merge(dict.fromkeys(RECIPE_KEYS), dict.fromkeys(recipe), str(path), UserError)
    if preset != PAPER:
        values = _preset(preset, tree, plain(recipe.get("presets") or {}), path)
        corpus |= {key: value for key, value in values.items() if key in TASK_KEYS}
        children |= {key: value for key, value in values.items() if key not in TASK_KEYS}
    if source == "mini":
        children |= recipe.get("mini") or {}
    mine, theirs = _split(overrides or {}, files.system_path)
    task = _task(path, corpus, mine, labels)
    if task.outputs and "n_classes" in tree:
        if theirs.get("n_classes", task.outputs) != task.outputs:
            raise UsageError("--n_classes follows from the classes: give --classes [a, b, ...] in its place")
        children["n_classes"] = task.outputs
    if any("network" in node for node in dict(tree["phases"]).values()):
        tree = {**training_defaults(), **tree}
    types = declarations(tree, files.system_path)
    merged = merge(tree, children, f"{path}: system", UserError, types)
    merged = merge(merged, theirs, "option", UsageError, types)
    origin = dict.fromkeys(tree, files.system_path) | dict.fromkeys(children, path)
    check_references(merged, files.system_path)
    check_values(merged, types, origin, tree, theirs)
    loaded = Hparams(
        path,
        corpus,
        path.stem,
        files.system_path,
        merged,
        theirs,
        task,
        types,
        files.trusted,
        children,
        files.system_text,
    )
    _ = loaded.phases
    return loaded


def _split(overrides: Mapping[str, Any], system_path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The user's values: those of the task and those of the system; only plain values and references pass."""
    for key, value in overrides.items():
        refuse_objects(value, f"--{key}", UsageError)
        if key in FIXED:
            raise UsageError(f"--{key}: expected a hyper-parameter, found a part of {system_path}: leave it out")
    mine = {key: plain(value) for key, value in overrides.items() if key in TASK_KEYS}
    return mine, {key: value for key, value in overrides.items() if key not in TASK_KEYS}


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
        refuse_tags(text, f"--{key}", UsageError)
        try:
            found[key] = YAML().load(text)
        except (YAMLError, ValueError):
            raise UsageError(f"--{key}: {text!r} is not a YAML value") from None
        if isinstance(found[key], str) and is_number(found[key]):
            found[key] = float(found[key])
    return found
