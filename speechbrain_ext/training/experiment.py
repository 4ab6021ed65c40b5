"""One row of results on disk: where its files are, and what they depend on."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from speechbrain_ext import hparams
from speechbrain_ext.errors import UsageError, UserError
from speechbrain_ext.features.ssl_models import find
from speechbrain_ext.files import read_json, sha256_file, sha256_json, write_json, write_text
from speechbrain_ext.folds import folds_path, read_folds
from speechbrain_ext.manifest import Utterance, read_manifest
from speechbrain_ext.task import Task

SELECTIONS = ("last", "dev", "test")
PREPARE = "./run.sh --stage 0 --stop-stage 0"


@dataclass(frozen=True)
class RunSpec:
    """What a user asked for, in plain values that travel to worker processes.

    Attributes
    ----------
    recipe_yaml, overrides : str, tuple of str
        The recipe's YAML of a system; the words after `--`.
    data, exp, cache : str
        Folder of one corpus `data/<CORPUS>-<source>`; the experiments' root; the features' root.
    row, preset : str
        Names of the row and of the preset.
    table, table_row : str
        The paper's table and its row that this is, such as amsnet/5 and FRLM; "" where it is none.
    protocol, dev, fold_seed, selection, seed
        As the options of the same names.
    device, precision, compile
        Where and how a network runs; "" is chosen by what is there.
    """

    recipe_yaml: str
    data: str
    exp: str
    cache: str
    overrides: tuple[str, ...] = ()
    row: str = "default"
    preset: str = "paper"
    protocol: str = "paper"
    dev: str = "none"
    fold_seed: int = 0
    selection: str = ""
    seed: int = 1
    device: str = "cpu"
    precision: str = "fp32"
    compile: bool = False
    threads: int = 1
    command: str = ""
    table: str = ""
    table_row: str = ""


@dataclass
class Experiment:
    """A run specification with the files it reads; makes paths and fingerprints.

    Raises
    ------
    UserError
        Missing inputs, or settings that do not fit together.
    """

    spec: RunSpec
    hp: hparams.Hparams = field(init=False)
    manifest: dict[str, Any] = field(init=False)
    folds: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        spec = self.spec
        self.manifest = read_json(Path(spec.data) / "manifest.json", PREPARE)
        self.hp = load_hparams(spec, self.manifest)
        self.protocol = protocol_of(spec, self.hp)
        self.folds_file = folds_file(spec, self.hp, self.manifest)
        self.folds = read_folds(self.folds_file, f"{PREPARE} --protocol {self.protocol} --dev {spec.dev}")
        self.selection = spec.selection or ("last" if spec.dev == "none" else "dev")
        if self.selection not in SELECTIONS:
            raise UsageError(f"--selection {self.selection}: expected one of {', '.join(SELECTIONS)}")
        if self.selection == "dev" and spec.dev == "none":
            raise UsageError("--selection dev needs a development part: add --dev speaker, session or fraction")
        asked = hparams.parse_overrides(list(spec.overrides))
        if asked.get("early_stopping_epochs") and spec.dev == "none":
            raise UsageError("early_stopping_epochs needs a development part: add --dev speaker, session or fraction")
        if not float(self.hp.tree.get("max_grad_norm", 1.0)) > 0:
            raise UsageError(
                "max_grad_norm: expected a positive value (1e9 switches clipping off), as others reverse gradients"
            )
        classes = list(self.task.classes)
        if classes != self.folds["classes"]:
            raise UserError(
                f"{self.folds_file}: expected classes {', '.join(classes)} of {spec.recipe_yaml}, "
                f"found {', '.join(self.folds['classes'])}: make it again with: {PREPARE} --force"
            )

    @property
    def task(self) -> Task:
        """What is recognised."""
        return self.hp.task

    @property
    def classes(self) -> list[str]:
        """Class names in the order of their indices."""
        return list(self.folds["classes"])

    @cached_property
    def utterances(self) -> dict[str, Utterance]:
        """The manifest by id."""
        return {utterance.id: utterance for utterance in read_manifest(Path(self.spec.data) / "manifest.jsonl")}

    @cached_property
    def manifest_sha256(self) -> str:
        """Hash of the manifest's bytes."""
        return sha256_file(Path(self.spec.data) / "manifest.jsonl")

    @cached_property
    def folds_sha256(self) -> str:
        """Hash of the folds: who is trained, developed and tested on."""
        return sha256_json(self.folds["folds"])

    @cached_property
    def models(self) -> dict[str, Any]:
        """What the pretrained model is, by content and not by name, where the system has one.

        A trained row says itself what it was made from: it is scored where the model is no more.
        """
        name, claimed = self.hp.tree.get("ssl_model"), self.seed_folder / "depends.json"
        if not name:
            return {}
        try:
            return {"ssl_model": find(name).identity}
        except UserError:
            if not claimed.exists():
                raise
            return {"ssl_model": read_json(claimed, PREPARE)["ssl_model"]}

    @property
    def corpus_folder(self) -> Path:
        """`exp/<CORPUS>-<source>`."""
        return Path(self.spec.exp) / Path(self.spec.data).name

    @property
    def seed_folder(self) -> Path:
        """`exp/<CORPUS>-<source>/<system>/<row>/<protocol>/seed-<n>`."""
        protocol = self.folds_file.name.removesuffix(".json")
        return self.corpus_folder / self.hp.system_name / self.spec.row / protocol / f"seed-{self.spec.seed}"

    @property
    def used(self) -> list[str]:
        """Ids of the utterances that stand in any part of any fold, sorted."""
        parts = (fold[part] for fold in self.folds["folds"] for part in ("train", "dev", "test"))
        return sorted({identity for part in parts for identity in part})

    def fold(self, name: str) -> dict[str, Any]:
        """A fold by name.

        Raises
        ------
        UsageError
            There is no such fold.
        """
        for fold in self.folds["folds"]:
            if fold["name"] == name:
                return fold
        known = ", ".join(fold["name"] for fold in self.folds["folds"])
        raise UsageError(f"--folds {name}: the folds of {self.protocol} are {known}")

    def fold_folder(self, name: str) -> Path:
        """`fold-<name>` of this row and seed."""
        return self.seed_folder / f"fold-{name}"

    def step_folder(self, step: str, fold: str) -> Path:
        """Where a step of a fold is trained: with the row, or once for all rows that share it."""
        if not self.hp.shared(step):
            return self.fold_folder(fold)
        return self.corpus_folder / "steps" / f"{step}-{sha256_json(self.step_depends(step, fold))[:12]}"

    def step_depends(self, step: str, fold: str) -> dict[str, Any]:
        """All that decides the weights of a step: keys, data, part of the corpus, seed."""
        parts = self.fold(fold)
        used = ("train", "dev", "test") if self.selection == "test" else ("train", "dev")
        tree = self.hp.step_tree(step)
        return (self.models if "ssl_model" in tree["keys"] else {}) | {
            "step": step,
            "corpus": Path(self.spec.data).name,
            "fold": fold,
            "hparams": tree,
            "manifest_sha256": self.manifest_sha256,
            "fold_sha256": sha256_json({part: parts[part] for part in used}),
            "task": self.task.to_dict(),
            "selection": self.selection,
            "seed": self.spec.seed,
            "precision": self.spec.precision,
            "frozen": {name: self.step_depends(name, fold) for name in self.hp.frozen(step)},
        }

    def depends(self) -> dict[str, Any]:
        """What this row and seed were made from."""
        return {
            "hparams_sha256": self.hp.sha256(),
            "manifest_sha256": self.manifest_sha256,
            "folds_sha256": self.folds_sha256,
            "selection": self.selection,
            "precision": self.spec.precision,
            "preset": self.spec.preset,
            **self.models,
        }

    def claim(self) -> None:
        """Write down what the row is made from, or refuse a folder that was made from something else.

        Raises
        ------
        UserError
            Something that results depend on differs; it is named.
        """
        path = self.seed_folder / "depends.json"
        if path.exists():
            self.check_claim()
            return
        write_json(path, self.depends())
        write_json(self.seed_folder / "spec.json", {**asdict(self.spec), "hparams": self.hp.plain()})
        write_text(self.seed_folder / "hyperparams.yaml", self.hp.record())

    def check_claim(self) -> None:
        """Refuse a folder that was made from other inputs than those asked for now."""
        path = self.seed_folder / "depends.json"
        found, wanted = read_json(path, "./run.sh --stage 2 --stop-stage 2"), self.depends()
        differing = [key.removesuffix("_sha256") for key in wanted if found.get(key) != wanted[key]]
        if differing:
            raise UserError(
                f"{self.seed_folder} was made from other {', '.join(differing)}: "
                "give this run a name of its own (--tag NAME), or redo it (--force)"
            )


def load_hparams(spec: RunSpec, manifest: dict[str, Any]) -> hparams.Hparams:
    """The hyper-parameters of a run, with the corpus's labels as classes where nobody names any."""
    labels = [label for label in manifest["labels"] if label != "none"]
    overrides = hparams.parse_overrides(list(spec.overrides))
    return hparams.load(spec.recipe_yaml, overrides, manifest["source"], labels, spec.preset)


def protocol_of(spec: RunSpec, hp: hparams.Hparams) -> str:
    """The protocol asked for, or the recipe's own."""
    return hp.corpus["protocol"] if spec.protocol == "paper" else spec.protocol


def folds_file(spec: RunSpec, hp: hparams.Hparams, manifest: dict[str, Any]) -> Path:
    """The file of the run's folds."""
    usual = Task.from_keys(manifest.get("task", {}), f"{spec.data}/manifest.json")
    return folds_path(spec.data, protocol_of(spec, hp), spec.dev, spec.fold_seed, hp.task.name(usual))


def default_cache() -> str:
    """The features' root: SER_CACHE, or `.cache` in the repository."""
    return os.environ.get("SER_CACHE") or str(Path(__file__).resolve().parents[2] / ".cache")
