"""One training step of one fold that is no network: a classifier fitted at once to one row per utterance."""

from __future__ import annotations

import json
import resource
import time
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from speechbrain.utils.distributed import if_main_process

from speechbrain_ext.brain import Output
from speechbrain_ext.dataio.dataset import FeatureSource
from speechbrain_ext.errors import UserError
from speechbrain_ext.files import replacing, write_json, write_text
from speechbrain_ext.metrics import unweighted_average_recall, weighted_accuracy
from speechbrain_ext.training.base_step import BaseStep


class ClassifierStep(BaseStep):
    """A step whose YAML node has `classifier:` in place of `network:`.

    The classifier offers `fit(features, targets, speakers)`, `log_posteriors`,
    `scores`, `load` and `model` (arrays by name), as `LinearSVM` does. It sees
    the training part of the fold only, also when there is a development part.
    Its embedding of an utterance is its scores. Arguments are those of `BaseStep`.
    """

    def _fit(self, on_epoch: Callable[[int], None] | None) -> None:
        if not if_main_process():
            return
        if self.experiment.selection == "test":
            raise UserError(f"--selection test: step {self.name} has no epochs to choose from: leave the option out")
        started = time.monotonic()
        utterances = self.experiment.utterances
        ids = sorted(self.experiment.fold(self.fold)["train"])
        rows, targets = self._rows(ids), np.array(self._targets(ids))
        classifier = self.node["classifier"]()
        classifier.fit(rows, targets, [utterances[identity].speaker for identity in ids])
        seconds = round(time.monotonic() - started, 4)
        found = classifier.log_posteriors(rows).argmax(axis=1)
        row = {"epoch": 1, "step_name": self.name, "c": classifier.c, "inner_uar": classifier.inner_uar}
        row |= {"train_wa": weighted_accuracy(targets, found), "train_uar": unweighted_average_recall(targets, found)}
        with replacing(self.folder / self._model_name, "wb") as stream:
            np.savez(stream, class_names=np.array(self.experiment.classes), **classifier.model)
        write_text(self.folder / f"train_log-{self.name}.jsonl", json.dumps({**row, "seconds": seconds}) + "\n")
        write_json(
            self.done_file,
            {
                "step": self.name,
                "checkpoint": self._model_name,
                "epochs": 1,
                "selected_epoch": 1,
                "optimizer_steps": 0,
                "parameters": classifier.parameters,
                "train_seconds": round(seconds, 2),
                "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
                "warnings": list(classifier.warnings),
            },
        )
        if on_epoch is not None:
            on_epoch(1)

    def _run(self, done: dict[str, Any], ids: list[str]) -> list[Output]:
        classifier = self.node["classifier"]().load(self._load(done["checkpoint"]))
        rows, targets = self._rows(ids), self._targets(ids)
        log_posteriors, scores = classifier.log_posteriors(rows), classifier.scores(rows)  # [utterance, class] each
        return [
            Output(identity, target, tuple(posteriors.tolist()), tuple(embedding.tolist()), -float(posteriors[target]))
            for identity, target, posteriors, embedding in zip(ids, targets, log_posteriors, scores, strict=True)
        ]

    @property
    def _model_name(self) -> str:
        return f"model-{self.name}.npz"

    def _load(self, name: str) -> dict[str, np.ndarray]:
        path = self.folder / name
        try:
            with np.load(path, allow_pickle=False) as stored:
                return dict(stored)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as fault:
            raise UserError(
                f"{path}: expected the arrays of a trained classifier, found {type(fault).__name__}: "
                "train it again with: ./run.sh --stage 2 --force"
            ) from None

    def _targets(self, ids: Sequence[str]) -> list[int]:
        places = {label: index for index, label in enumerate(self.experiment.classes)}
        return [places[self.experiment.utterances[identity].label] for identity in ids]

    def _rows(self, ids: Sequence[str]) -> np.ndarray:
        """One row [feature] an utterance: its features and the embeddings of frozen steps side by side."""
        parts = [np.stack([self._row(source, identity) for identity in ids]) for source in self.sources]
        for step in self.frozen.values():
            vectors = {output.id: output.embedding for output in step.outputs(ids)}
            parts.append(np.array([vectors[identity] for identity in ids]))
        return np.concatenate(parts, axis=1).astype(np.float64)  # [utterance, feature]

    def _row(self, source: FeatureSource, identity: str) -> np.ndarray:
        frames = source.frames(self.experiment.utterances[identity])  # [1, feature]
        if len(frames) != 1:
            raise UserError(
                f"step {self.name}: feature {source.name}: expected one row per utterance, found {len(frames)} for "
                f"{identity}: name a feature of whole utterances, such as speechbrain_ext.features.functionals"
            )
        return frames[0]
