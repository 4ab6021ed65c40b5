"""Strict HyperPyYAML: a misspelt key is an error, also in what a recipe changes of a system.

A recipe's `corpus.yaml` names the corpus, its `hparams/<system>.yaml` what a paper changes for this corpus, and
`shared/systems/<system>.yaml` holds the system. Every key is looked up, its value checked against its declared type,
and every tag against the code that may run, before anything is built. The YAML's own references show what a phase
depends on.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from speechbrain_ext.corpora.task import TASK_KEYS, Task
from speechbrain_ext.hparams.key_types import KeyType
from speechbrain_ext.hparams.recipe_files import list_systems, read_recipe
from speechbrain_ext.hparams.system_checks import STRUCTURE, check_references, check_values, declarations
from speechbrain_ext.hparams.training import SIGNAL_DEFAULTS, training_defaults
from speechbrain_ext.utils.declared import declared
from speechbrain_ext.utils.errors import UsageError, UserError
from speechbrain_ext.utils.files import sha256_json
from speechbrain_ext.utils.json_values import JsonObject, JsonValue
from speechbrain_ext.utils.nearest import nearest
from speechbrain_ext.utils.yaml_safety import refuse_objects, refuse_tags
from speechbrain_ext.utils.yaml_tree import is_number, merge, parse, plain, reached

__all__ = ["NEUTRAL", "PAPER", "Hparams", "list_systems", "load", "parse_overrides"]

# Parts of a system's YAML that are no hyper-parameters: an override cannot change them.
FIXED = ("variants", "presets", "types", "mini")
PAPER = "paper"
NEUTRAL = ("checkpoint_epochs",)  # decide no result
# Keys of a recipe's file of a system that are neither of the task nor of the system.
RECIPE_KEYS = ("protocol", "paper", "mini", "presets")


class _AfterChanges(partial[Any]):
    """Builds a feature of changed signals; to those who look inside it is as declared in the YAML."""

    changes: Any

    def __new__(cls, make: Any, changes: Any) -> _AfterChanges:
        """Keep the changes next to the class and the options of the feature."""
        feature, options = declared(make)
        found = super().__new__(cls, feature, **options)
        found.changes = changes
        return found

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Build the extractor."""
        return super().__call__(*args, **options).after(self.changes)


@dataclass(frozen=True)
class Hparams:
    """A system with a recipe's values, checked, with overrides applied.

    Attributes
    ----------
    recipe : Path
        The recipe's folder.
    paths : tuple of Path
        The recipe's own files: corpus.yaml, and that of the system where it has one.
    corpus : str or None
        The corpus's name; None in the recipe for any CSV.
    protocol : str
        The protocol of the system on this corpus.
    paper : dict or None
        The paper's numbers for this system on this corpus: table, row, wa, uar.
    task : Task
        Which utterances are used and what they are trained towards, the user's overrides applied.
    system_name : str
        The name that `--system` takes.
    tree : dict
        The system's YAML as plain values, references unresolved.
    overrides : dict
        The user's overrides of the system, for the record.
    types : dict
        Declared type of each key of the system.
    mini : dict
        Values for the mini corpus.
    trusted : tuple of str
        Tags that run only because the user trusts this YAML, with file and line.
    """

    recipe: Path
    paths: tuple[Path, ...]
    corpus: str | None
    protocol: str
    paper: dict[str, Any] | None
    system_name: str
    system_path: Path
    tree: dict[str, Any]
    overrides: dict[str, Any]
    task: Task
    types: dict[str, KeyType]
    mini: dict[str, Any]
    trusted: tuple[str, ...] = ()
    _children: dict[str, Any] = field(repr=False, default_factory=dict)
    _text: str = field(repr=False, default="")

    @property
    def phases(self) -> list[str]:
        """Training phases of the chosen variant, in order."""
        variants = self.tree["variants"]
        variant = self.tree["variant"]
        if variant not in variants:
            raise UsageError(f"{self.system_path}: variant: {variant!r} is not one of {', '.join(variants)}")
        return list(variants[variant])

    def shared(self, phase: str) -> bool:
        """Whether several variants or systems train this phase, so that rows share it."""
        variants = sum(phase in phases for phases in self.tree["variants"].values())
        return variants > 1 or bool(self.tree["phases"][phase].get("shared"))

    def plain(self) -> JsonObject:
        """The keys that are plain values: what a table of hyper-parameters shows."""
        scalar = (str, int, float, bool, type(None), list)
        return {key: value for key, value in self.tree.items() if isinstance(value, scalar) and key != "phases"}

    def phase_tree(self, phase: str) -> JsonObject:
        """All that a phase depends on: its own node, its features, and its keys."""
        return {
            "phase": self.tree["phases"][phase],
            "features": {name: self.tree["features"][name] for name in self.phase_features(phase)},
            "keys": self.phase_keys(phase),
        }

    def phase_keys(self, phase: str) -> JsonObject:
        """The keys that a phase depends on: those that it or its features refer to, and those of every training."""
        nodes = self.tree["phases"]
        by_phase = {name: reached(node, self.tree) for name, node in nodes.items()}
        used = {name: reached(node, self.tree) for name, node in self.tree["features"].items()}
        private = set().union(*by_phase.values(), *used.values(), STRUCTURE, NEUTRAL)
        keys = {key for key in self.tree if key not in private} | by_phase[phase]
        keys = keys.union(*(used[name] for name in self.phase_features(phase)))
        unset = {key for key in SIGNAL_DEFAULTS if self.tree[key] is None}
        return {key: self.tree[key] for key in sorted(keys - unset)}

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
        facts = {"corpus": self.corpus, "protocol": self.protocol, "task": self.task.to_dict()}
        return sha256_json({"phases": {phase: self.phase_tree(phase) for phase in self.phases}, "corpus": facts})

    def build(self) -> dict[str, Any]:
        """The system's YAML with its objects built by HyperPyYAML; its features are those of changed signals."""
        from hyperpyyaml import load_hyperpyyaml

        from speechbrain_ext.features.signal import SignalChanges

        built = load_hyperpyyaml(*self._document())
        if changes := SignalChanges(**{key: built[key] for key in SIGNAL_DEFAULTS}):
            built["features"] = {name: _AfterChanges(make, changes) for name, make in built["features"].items()}
        return built

    def record(self) -> str:
        """The effective YAML, overrides applied, as text for `hyperparams.yaml`."""
        from hyperpyyaml import resolve_references

        resolved = resolve_references(*self._document())
        return f"# {self.system_name} for {self.corpus}, overrides applied\n{resolved.read()}"

    def _document(self) -> tuple[str, JsonObject]:
        """The system's YAML as text, and the overrides; HyperPyYAML refuses a mapping where there was null."""
        # The text that was checked: the file may have changed since.
        document = parse(self._text, str(self.system_path))
        for key, value in {**SIGNAL_DEFAULTS, **training_defaults()}.items():
            if key in self.tree:
                document.setdefault(key, value)
        overrides = {**self._children, **self.overrides}
        for key in [key for key, value in overrides.items() if isinstance(value, Mapping) and document[key] is None]:
            document[key] = overrides.pop(key)
        text = io.StringIO()
        YAML().dump(document, text)
        return text.getvalue(), overrides


def load_system(
    recipe: str | Path,
    system: str,
    overrides: Mapping[str, JsonValue] | None = None,
    source: str = "real",
    labels: Iterable[str] = (),
    preset: str = PAPER,
    trust: bool = False,
) -> Hparams:
    """Read a system with a recipe's values, and check every key.

    Arguments
    ---------
    recipe : str or Path
        `recipes/<CORPUS>`.
    system : str
        A system of recipes/shared/systems, or a file of the recipe's folder `hparams`.
    overrides : mapping
        The user's values for keys of the system and of the task: plain values and `!ref`.
    source : str
        "mini": the key `mini` of system and recipe holds values for the mini corpus, below the user's.
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
    recipe = Path(recipe)
    files = read_recipe(recipe, system, trust)
    tree, path = files.tree, files.paths[-1]
    own = {key: plain(files.changes.get(key)) for key in RECIPE_KEYS}
    mini = {**(tree.get("mini") or {}), **(own["mini"] or {})}
    preset_values = {} if preset == PAPER else _preset(preset, system, tree.get("presets"), own["presets"])
    children: JsonObject = {}
    facts = dict(files.facts)
    for values in (files.changes, preset_values, mini if source == "mini" else {}):
        facts |= {key: plain(value) for key, value in values.items() if key in TASK_KEYS}
        children |= {key: value for key, value in values.items() if key not in TASK_KEYS and key not in RECIPE_KEYS}
    of_task, of_system = _split(overrides or {}, files.system_path)
    task = _task(path, facts, of_task, labels)
    if task.outputs and "n_classes" in tree:
        if of_system.get("n_classes", task.outputs) != task.outputs:
            raise UsageError("--n_classes follows from the classes: give --classes [a, b, ...] in its place")
        children["n_classes"] = task.outputs
    if isinstance(tree["phases"], dict) and any("network" in (node or ()) for node in tree["phases"].values()):
        tree = {**training_defaults(), **tree}
    tree = {**SIGNAL_DEFAULTS, **tree}
    types = declarations(tree, files.system_path)
    usual = merge(tree, children, str(path), UserError, types)
    merged = merge(usual, of_system, "option", UsageError, types)
    origin = dict.fromkeys(tree, files.system_path) | dict.fromkeys(children, path)
    check_references(merged, files.system_path)
    check_values(merged, types, origin, usual, of_system)
    loaded = Hparams(
        recipe=recipe,
        paths=files.paths,
        corpus=files.corpus,
        protocol=str(own["protocol"] or facts["protocol"]),
        paper=own["paper"],
        system_name=system,
        system_path=files.system_path,
        tree=merged,
        overrides=of_system,
        task=task,
        types=types,
        mini=mini,
        trusted=files.trusted,
        _children=children,
        _text=files.system_text,
    )
    _ = loaded.phases
    return loaded


def _split(overrides: Mapping[str, JsonValue], system_path: Path) -> tuple[JsonObject, JsonObject]:
    """Split the user's values into those of the task and those of the system; refuse all but values and references."""
    for key, value in overrides.items():
        refuse_objects(value, f"--{key}", UsageError)
        if key in FIXED:
            raise UsageError(f"--{key}: expected a hyper-parameter, found a part of {system_path}: leave it out")
    of_task = {key: plain(value) for key, value in overrides.items() if key in TASK_KEYS}
    return of_task, {key: value for key, value in overrides.items() if key not in TASK_KEYS}


def _preset(
    name: str, system: str, of_system: Mapping[str, JsonValue] | None, of_recipe: Mapping[str, JsonValue] | None
) -> JsonObject:
    """Values of a preset: the system's, then the recipe's."""
    presets: list[dict[str, Any]] = [dict(each or {}) for each in (of_system, of_recipe)]
    known = [PAPER, *dict.fromkeys(name for each in presets for name in each)]
    if name not in known:
        near = nearest(name, known)
        hint = f": did you mean {near}?" if near else f" of {system}"
        raise UsageError(f"--preset {name}: expected one of {', '.join(known)}{hint}")
    return {key: value for each in presets for key, value in (each.get(name) or {}).items()}


def _task(path: Path, facts: JsonObject, overrides: JsonObject, labels: Iterable[str]) -> Task:
    """The recipe's task with the user's values; the message of a wrong value names the option or the file."""
    asked = Task.from_keys(overrides, "option") if overrides else None
    task = Task.from_keys({**facts, **overrides}, "option" if asked else str(path))
    return task.with_classes(labels)


def parse_overrides(words: list[str]) -> JsonObject:
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
