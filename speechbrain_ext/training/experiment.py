"""One row of results on disk: where its files are, and what they depend on."""

from __future__ import annotations

import contextlib
import json
from dataclasses import InitVar, asdict, dataclass, field
from functools import cached_property
from pathlib import Path

from speechbrain_ext import hparams
from speechbrain_ext.corpora.data_folder import read_facts, read_utterances
from speechbrain_ext.corpora.facts import CorpusFacts
from speechbrain_ext.corpora.joint import JOINT
from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.features.ssl_models import find
from speechbrain_ext.preparation.audit import check_folds
from speechbrain_ext.preparation.folds import Fold, Folds, folds_path, read_folds
from speechbrain_ext.training.changes import changed_values
from speechbrain_ext.training.finished import TRAIN
from speechbrain_ext.training.run_spec import SELECTIONS, RunSpec
from speechbrain_ext.training.target import TargetCorpus
from speechbrain_ext.utils.errors import UsageError, UserError
from speechbrain_ext.utils.files import DamagedFile, read_sealed, sha256_file, sha256_json, write_sealed, write_text
from speechbrain_ext.utils.folders import check_inside, folder_name
from speechbrain_ext.utils.json_values import JsonObject

PREPARE = "./run.sh --stage 0 --stop-stage 0"


@dataclass
class Experiment:
    """A run specification with the files it reads; makes paths and fingerprints.

    Raises
    ------
    UserError
        Missing inputs, or settings that do not fit together.
    """

    spec: RunSpec
    loaded: InitVar[hparams.Hparams | None] = None
    hp: hparams.Hparams = field(init=False)
    manifest: CorpusFacts = field(init=False)
    folds: Folds = field(init=False)

    def __post_init__(self, loaded: hparams.Hparams | None) -> None:
        spec = self.spec
        self.manifest = read_facts(spec.data, PREPARE)
        self.hp = loaded or load_hparams(spec, self.manifest)
        self.protocol = protocol_of(spec, self.hp)
        self.folds_file = folds_file(spec, self.hp, self.manifest)
        self._read_folds(f"{PREPARE} --protocol {self.protocol} --dev {spec.dev} --force")
        self.selection = spec.selection or ("last" if spec.dev == "none" else "dev")
        if self.selection not in SELECTIONS:
            raise UsageError(f"--selection {self.selection}: expected one of {', '.join(SELECTIONS)}")
        if self.selection == "dev" and spec.dev == "none":
            raise UsageError("--selection dev needs a development part: add --dev speaker, session or fraction")
        asked = hparams.parse_overrides(list(spec.overrides))
        if asked.get("early_stopping_epochs") and spec.dev == "none":
            raise UsageError("early_stopping_epochs needs a development part: add --dev speaker, session or fraction")
        if self.task.classes != self.folds.classes:
            raise UserError(
                f"{self.folds_file}: expected classes {', '.join(self.task.classes)} of {self.hp.paths[-1]}, "
                f"found {', '.join(self.folds.classes)}: make it again with: {PREPARE} --force"
            )

    def _read_folds(self, made_by: str) -> None:
        spec, path = self.spec, self.folds_file
        self.folds = read_folds(path, made_by)
        wanted = {"corpus": self.manifest.corpus, "protocol": self.protocol, "dev": spec.dev}
        for key, value in {**wanted, "fold_seed": spec.fold_seed}.items():
            if (found := getattr(self.folds, key)) != value:
                raise UserError(f"{path}: expected {key} {value}, found {found}: make it again with: {made_by}")
        check_folds(path, self.folds, list(self.utterances.values()), made_by)

    @property
    def task(self) -> Task:
        """What is recognised."""
        return self.hp.task

    @property
    def classes(self) -> list[str]:
        """Class names in the order of their indices."""
        return list(self.folds.classes)

    @cached_property
    def utterances(self) -> dict[str, Utterance]:
        """The manifest by id."""
        return {utterance.id: utterance for utterance in read_utterances(self.spec.data, self.manifest)}

    @cached_property
    def manifest_sha256(self) -> str:
        """Hash of the manifest's bytes."""
        return sha256_file(Path(self.spec.data) / "manifest.jsonl")

    @cached_property
    def folds_sha256(self) -> str:
        """Hash of the folds: who is trained, developed and tested on."""
        return self.folds.sha256

    @cached_property
    def models(self) -> JsonObject:
        """The pretrained model's identity, by content and not by name, where the system has one.

        A trained row has recorded the model that it was made from, so it can be scored where the model is missing.
        """
        name, claimed = self.hp.tree.get("ssl_model"), self.seed_folder / "depends.json"
        if not name:
            return {}
        try:
            return {"ssl_model": find(name).identity}
        except UserError:
            if not claimed.exists():
                raise
            return {"ssl_model": read_sealed(claimed, TRAIN)["ssl_model"]}

    @property
    def corpus_folder(self) -> Path:
        """`exp/<CORPUS>-<source>`."""
        return check_inside(self.spec.exp, Path(self.spec.exp) / Path(self.spec.data).name)

    @property
    def seed_folder(self) -> Path:
        """`exp/<CORPUS>-<source>/<system>/<row>/<protocol>/seed-<n>`."""
        protocol = self.folds_file.name.removesuffix(".json")
        folder = self.corpus_folder / self.hp.system_name / self.spec.row / protocol / f"seed-{self.spec.seed}"
        if self.spec.method:
            folder /= "-".join(filter(None, [self.spec.method, Path(self.spec.target).name]))
        return check_inside(self.spec.exp, folder)

    @cached_property
    def target(self) -> TargetCorpus | None:
        """The corpus that the model is adapted to; None without one."""
        if not self.spec.target:
            return None
        return TargetCorpus(self.spec.target, Task.from_dict(json.loads(self.spec.target_task)))

    @cached_property
    def adaptation(self) -> JsonObject:
        """What an adapted model depends on further: the method, and the target; empty without a method."""
        known: JsonObject = {"method": self.spec.method} if self.spec.method else {}
        if self.target is not None:
            known["target_manifest_sha256"] = self.target.facts.manifest_sha256
            known["target_task"] = self.target.task.to_dict()
        return known

    @cached_property
    def balance(self) -> JsonObject:
        """What a model of several corpora depends on further: what weighs the same; empty for a single corpus."""
        is_joint = any(JOINT in item.extra for item in self.utterances.values())
        return {"corpus_balance": self.hp.tree["corpus_balance"]} if is_joint else {}

    @property
    def used(self) -> list[str]:
        """Ids of the utterances that stand in any part of any fold, sorted."""
        return sorted({identity for fold in self.folds.folds for identity in fold.ids})

    def fold(self, name: str) -> Fold:
        """A fold by name.

        Raises
        ------
        UsageError
            There is no such fold.
        """
        for fold in self.folds.folds:
            if fold.name == name:
                return fold
        raise UsageError(f"--folds {name}: the folds of {self.protocol} are {', '.join(self.folds.names)}")

    def fold_folder(self, name: str) -> Path:
        """`fold-<name>` of this row and seed; a name that is no safe folder name is encoded."""
        return check_inside(self.spec.exp, self.seed_folder / f"fold-{folder_name(name)}")

    def phase_folder(self, phase: str, fold: str) -> Path:
        """Where a phase of a fold is trained: with the row, or once for all rows that share it."""
        if not self.hp.shared(phase):
            return self.fold_folder(fold)
        name = f"{phase}-{sha256_json(self.phase_depends(phase, fold))[:12]}"
        return check_inside(self.spec.exp, self.corpus_folder / "phases" / name)

    def phase_depends(self, phase: str, fold: str) -> JsonObject:
        """All that decides the weights of a phase: keys, data, part of the corpus, seed."""
        parts = self.fold(fold)
        used = ("train", "dev", "test") if self.selection == "test" else ("train", "dev")
        return (self.models if "ssl_model" in self.hp.phase_keys(phase) else {}) | {
            "phase": phase,
            "corpus": Path(self.spec.data).name,
            "fold": fold,
            "hparams": self.hp.phase_tree(phase),
            "manifest_sha256": self.manifest_sha256,
            "fold_sha256": sha256_json({part: parts.part(part) for part in used}),
            "task": self.task.to_dict(),
            "selection": self.selection,
            "seed": self.spec.seed,
            "precision": self.spec.precision,
            "frozen": {name: self.phase_depends(name, fold) for name in self.hp.frozen(phase)},
            **({"epochs": epochs} if (epochs := self.spec.fixed_epochs.get(phase)) else {}),
            **self.balance,
            **self.adaptation,
        }

    def depends(self) -> JsonObject:
        """The inputs of this row and seed."""
        return {
            "hparams_sha256": self.hp.sha256(),
            "hparams": {key: value for phase in self.hp.phases for key, value in self.hp.phase_keys(phase).items()},
            "manifest_sha256": self.manifest_sha256,
            "folds_sha256": self.folds_sha256,
            "selection": self.selection,
            "precision": self.spec.precision,
            "preset": self.spec.preset,
            **({"phase_epochs": self.spec.fixed_epochs} if self.spec.phase_epochs else {}),
            **self.balance,
            **self.adaptation,
            **self.models,
        }

    def claim(self) -> None:
        """Record what the row is made from, or refuse a folder that was made from something else.

        A damaged record is named and written again, after what was trained has been checked against its own records.

        Raises
        ------
        UserError
            Something that results depend on differs; it is named.
        """
        path, spec = self.seed_folder / "depends.json", self.seed_folder / "spec.json"
        try:
            if path.exists() and spec.exists():
                self.check_claim()
                _ = read_sealed(spec, TRAIN)
                return
        except DamagedFile as fault:
            print(f"warning: {fault}", flush=True)
        self._check_trained()
        write_sealed(spec, {**asdict(self.spec), "hparams": self.hp.plain()})
        write_text(self.seed_folder / "hyperparams.yaml", self.hp.record())
        # Last, so that the others are there when it is.
        write_sealed(path, self.depends())

    def check_earlier_inputs(self) -> None:
        """Refuse other inputs than an earlier run of this row had, if there was one; what is damaged, stage 2 names."""
        with contextlib.suppress(DamagedFile):
            if (self.seed_folder / "depends.json").exists():
                self.check_claim()

    def check_claim(self) -> None:
        """Refuse a folder that was made from other inputs than those asked for now; the differing keys are listed."""
        path = self.seed_folder / "depends.json"
        if differing := changed_values(read_sealed(path, TRAIN), self.depends()):
            self._refuse(differing)

    def _check_trained(self) -> None:
        """Refuse phases in this row's folders that were trained from other inputs than those asked for now."""
        for fold in self.folds.names:
            for phase in self.hp.phases:
                path = self.phase_folder(phase, fold) / f"depends-{phase}.json"
                if path.exists():
                    try:
                        found = read_sealed(path, TRAIN)
                    except DamagedFile:
                        # The phase's done file names this one's hash: the phase is trained again.
                        continue
                    if differing := changed_values(found, self.phase_depends(phase, fold)):
                        self._refuse(differing)

    def _refuse(self, differing: list[str]) -> None:
        raise UserError(
            f"{self.seed_folder} was made from other inputs: {'; '.join(differing)}: "
            "give this run a name of its own (--tag NAME), or redo it (--force)"
        )


def load_hparams(spec: RunSpec, manifest: CorpusFacts) -> hparams.Hparams:
    """The hyper-parameters of a run, with the corpus's labels as classes where none are named."""
    overrides = hparams.parse_overrides(list(spec.overrides))
    return hparams.load_system(
        spec.recipe, spec.system, overrides, manifest.source, manifest.labels, spec.preset, spec.trust
    )


def protocol_of(spec: RunSpec, hp: hparams.Hparams) -> str:
    """The protocol asked for, or the recipe's own."""
    return hp.protocol if spec.protocol == "paper" else spec.protocol


def folds_file(spec: RunSpec, hp: hparams.Hparams, manifest: CorpusFacts) -> Path:
    """The file of the run's folds."""
    return folds_path(spec.data, protocol_of(spec, hp), spec.dev, spec.fold_seed, hp.task.name(manifest.task))
