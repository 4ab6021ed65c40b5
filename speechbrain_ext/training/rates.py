"""Seconds of an epoch of a phase: measured by finished phases here, else taken from kept results."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any

from speechbrain_ext import hparams

HERE = "finished trainings here"


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
                done = _read(path)
                phase, epochs = str(done.get("phase")), done.get("epochs")
                if phase not in self.hp.tree["phases"] or not epochs:
                    continue
                rate = done["train_seconds"] / epochs
                named[phase].append(rate)
                if _read(path.parent / f"depends-{phase}.json").get("hparams") == self.hp.phase_tree(phase):
                    same[phase].append(rate)
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
        for results in (one for recipe in sorted(recipes.iterdir()) for one in kept_results(recipe)):
            if results.get("system") not in systems:
                continue
            known = results.get("hparams")
            settings = known if isinstance(known, dict) else {}
            same = all(settings.get(key) == value for key, value in here.items() if key in settings)
            for fold in results.get("folds", []):
                for phase, facts in fold.get("phases", {}).items():
                    if phase in self.hp.tree["phases"] and facts["epochs"] and fold["n_train"]:
                        seconds = facts["train_seconds"] / facts["epochs"]
                        yield phase, _Kept(results["corpus"], results["device"], same, seconds, fold["n_train"])


def kept_results(recipe: Path) -> list[dict[str, Any]]:
    """Read the kept results of a recipe, those of all folds of a protocol."""
    found = [_read(path) for path in sorted(recipe.glob("results/*/*.json"))]
    return [one for one in found if "folds_of_protocol" in one]


def _read(path: Path) -> dict[str, Any]:
    """Read a JSON object; an estimate goes without a file that is missing or damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
