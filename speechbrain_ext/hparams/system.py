"""A loaded system: its checked values, what each of its phases depends on, and its objects."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from speechbrain_ext.corpora.task import Task
from speechbrain_ext.hparams.key_types import KeyType
from speechbrain_ext.hparams.system_checks import STRUCTURE
from speechbrain_ext.hparams.training import COMMON_DEFAULTS, SIGNAL_DEFAULTS, training_defaults
from speechbrain_ext.utils.declared import declared
from speechbrain_ext.utils.errors import UsageError
from speechbrain_ext.utils.files import sha256_json
from speechbrain_ext.utils.json_values import JsonObject
from speechbrain_ext.utils.yaml_tree import parse, reached

NEUTRAL = ("checkpoint_epochs",)  # decide no result


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
        unset = {key for key, usual in COMMON_DEFAULTS.items() if self.tree[key] == usual}
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

        text, overrides = self._document
        built = load_hyperpyyaml(text, dict(overrides))
        if changes := SignalChanges(**{key: built[key] for key in SIGNAL_DEFAULTS}):
            built["features"] = {name: _AfterChanges(make, changes) for name, make in built["features"].items()}
        return built

    def record(self) -> str:
        """The effective YAML, overrides applied, as text for `hyperparams.yaml`."""
        from hyperpyyaml import resolve_references

        text, overrides = self._document
        resolved = resolve_references(text, dict(overrides))
        return f"# {self.system_name} for {self.corpus}, overrides applied\n{resolved.read()}"

    @cached_property
    def _document(self) -> tuple[str, JsonObject]:
        """The system's YAML as text, and the overrides; HyperPyYAML refuses a mapping where there was null."""
        # The text that was checked: the file may have changed since.
        document = parse(self._text, str(self.system_path))
        for key, value in {**COMMON_DEFAULTS, **training_defaults()}.items():
            if key in self.tree:
                document.setdefault(key, value)
        overrides = {**self._children, **self.overrides}
        for key in [key for key, value in overrides.items() if isinstance(value, Mapping) and document[key] is None]:
            document[key] = overrides.pop(key)
        text = io.StringIO()
        YAML().dump(document, text)
        return text.getvalue(), overrides
