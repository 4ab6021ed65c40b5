"""Seconds of an epoch of a phase: measured by finished phases here, else taken from kept results."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import TypeVar

from speechbrain_ext import hparams
from speechbrain_ext.training.finished import FoldFacts
from speechbrain_ext.utils import json_fields as parse
from speechbrain_ext.utils.json_fields import read_record, required
from speechbrain_ext.utils.json_values import JsonObject

HERE = "finished trainings here"
T = TypeVar("T")


@dataclass(frozen=True)
class Rate:
    """Seconds of an epoch, and where they are known from.

    Attributes
    ----------
    epoch_seconds : float
    origin : str
        `HERE`, or the kept results with the device that they were measured on.
    """

    epoch_seconds: float
    origin: str


@dataclass(frozen=True, kw_only=True)
class KeptRun:
    """What an estimate needs of a kept result.

    Attributes
    ----------
    corpus, system, protocol, device : str
    folds_of_protocol : int
        All folds of the protocol; `folds` are those that were trained.
    folds : tuple of FoldFacts
    hparams : dict
        The hyper-parameters by name; empty where the result does not carry them.
    """

    corpus: str = required(parse.text)
    system: str = required(parse.text)
    protocol: str = required(parse.text)
    device: str = required(parse.text)
    folds_of_protocol: int = required(parse.count)
    folds: tuple[FoldFacts, ...] = required(parse.list_of(parse.record_of(FoldFacts)))
    hparams: JsonObject = field(
        default_factory=dict, metadata={"parse": lambda value: value if isinstance(value, dict) else {}}
    )


@dataclass(frozen=True, kw_only=True)
class _FinishedHere:
    """What an estimate needs of `done-<phase>.json`."""

    phase: str = required(parse.text)
    epochs: int = required(parse.count)
    train_seconds: float = required(parse.number)


@dataclass(frozen=True, kw_only=True)
class _Depends:
    """What an estimate needs of `depends-<phase>.json`."""

    hparams: JsonObject = required(parse.json_object)


@dataclass(frozen=True)
class _Kept:
    """One fold's phase of a kept result."""

    corpus: str
    device: str
    same_settings: bool
    epoch_seconds: float
    n_train: int


class Rates:
    """Rates of the phases of a system; files are read at the first question.

    Arguments
    ---------
    corpus_folder : Path
        `exp/<CORPUS>-<source>`, with the finished phases of this machine.
    hp : Hparams
        The system with its settings.
    """

    def __init__(self, corpus_folder: Path, hp: hparams.Hparams) -> None:
        self.corpus_folder, self.hp = corpus_folder, hp
        self.corpus, _, self.source = corpus_folder.name.rpartition("-")

    def of(self, phase: str, n_train: int | None = None) -> Rate | None:
        """Give the rate of a phase: of finished phases with the same keys, of the same name, or of kept results.

        Arguments
        ---------
        phase : str
        n_train : int or None
            Utterances that the phase would be trained on; None where they are not known before stage 0.
        """
        same, named = self._here
        if found := same.get(phase) or named.get(phase):
            return Rate(median(found), HERE)
        return self._of_kept(phase, n_train)

    def _of_kept(self, phase: str, n_train: int | None) -> Rate | None:
        kept = self._kept.get(phase, [])
        own = [one for one in kept if one.corpus == self.corpus]
        # The rates of another corpus say something only by utterance.
        kept = own or (kept if n_train else [])
        kept = [one for one in kept if one.same_settings] or kept
        if not kept:
            return None
        place = f"kept results of {', '.join(sorted({one.corpus for one in kept}))}"
        devices = ", ".join(sorted({one.device for one in kept}))
        if n_train:
            seconds = median(one.epoch_seconds / one.n_train for one in kept) * n_train
            return Rate(seconds, f"{place} on {devices}, by utterance")
        bound = " of the complete corpus, so at most" if self.source == "mini" else ""
        return Rate(median(one.epoch_seconds for one in kept), f"{place} on {devices}{bound}")

    @cached_property
    def _here(self) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
        same: dict[str, list[float]] = defaultdict(list)
        named: dict[str, list[float]] = defaultdict(list)
        for pattern in ("phases/*/done-*.json", f"{self.hp.system_name}/*/*/seed-*/fold-*/done-*.json"):
            for path in sorted(self.corpus_folder.glob(pattern)):
                done = _read(path, _FinishedHere)
                if done is None or done.phase not in self.hp.tree["phases"] or not done.epochs:
                    continue
                rate = done.train_seconds / done.epochs
                named[done.phase].append(rate)
                depends = _read(path.parent / f"depends-{done.phase}.json", _Depends)
                if depends is not None and depends.hparams == self.hp.phase_tree(done.phase):
                    same[done.phase].append(rate)
        return same, named

    @cached_property
    def _kept(self) -> dict[str, list[_Kept]]:
        found: dict[str, list[_Kept]] = defaultdict(list)
        for phase, one in self._read_kept():
            found[phase].append(one)
        return found

    def _read_kept(self) -> Iterator[tuple[str, _Kept]]:
        recipes = self.hp.recipe.resolve().parent
        systems, here = {self.hp.system_name, self.hp.system_path.stem}, self.hp.plain()
        for run in (one for recipe in sorted(recipes.iterdir()) for one in kept_results(recipe)):
            if run.system not in systems:
                continue
            same = all(run.hparams.get(key) == value for key, value in here.items() if key in run.hparams)
            for fold in run.folds:
                for phase, facts in (fold.phases or {}).items():
                    if phase in self.hp.tree["phases"] and facts.epochs and fold.n_train:
                        seconds = facts.train_seconds / facts.epochs
                        yield phase, _Kept(run.corpus, run.device, same, seconds, fold.n_train)


def kept_results(recipe: Path) -> list[KeptRun]:
    """Read the kept results of a recipe, those of all folds of a protocol."""
    found = [_read(path, KeptRun) for path in sorted(recipe.glob("results/*/*.json"))]
    return [one for one in found if one is not None]


def _read(path: Path, kind: type[T]) -> T | None:
    """Read a record of a JSON file; an estimate goes without a file that is missing or damaged."""
    try:
        return read_record(kind, json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None
