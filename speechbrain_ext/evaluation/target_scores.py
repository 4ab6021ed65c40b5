"""Predictions and scores of a trained model on another corpus."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from speechbrain_ext.corpora.task import Task
from speechbrain_ext.corpora.value_range import ValueRange, convert, scale_text
from speechbrain_ext.evaluation.matrix import ALL_DATA, FOLD_ENSEMBLE, FOLD_MEAN, Cell
from speechbrain_ext.evaluation.predictions import read_predictions, write_predictions
from speechbrain_ext.evaluation.targets import Classes, Dimensions, Prediction
from speechbrain_ext.training.experiment import Experiment
from speechbrain_ext.training.finished import done_path
from speechbrain_ext.training.methods import Method
from speechbrain_ext.training.objectives import Output
from speechbrain_ext.training.target import TargetCorpus
from speechbrain_ext.training.target_corpus import predict_targets
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import DamagedFile, folder_lock, read_sealed, sha256_file, sha256_json, write_sealed

PREDICTIONS, RECORD = "predictions.csv", "target.json"
AGAIN = "type the same command again"
MAPPED = "predictions mapped from {} to the target's {}"


@dataclass(frozen=True)
class TargetRun:
    """A trained run that is scored on a target.

    Arguments
    ---------
    run : Experiment
        The run that trained the model, or the models of its folds.
    folds : tuple of str
        Names of the folds whose models are scored.
    target : TargetCorpus
    source : Task
        The shared classes, and which labels of the source count as one of them; or the dimensions.
    method : Method
    base : Path
        The seed folder of the source's run, in which folders of methods and targets lie.
    scale : (float, float) or None
        Lowest and highest value of the source's dimensions; None with classes.
    """

    run: Experiment
    folds: tuple[str, ...]
    target: TargetCorpus
    source: Task
    method: Method
    base: Path
    scale: ValueRange | None = None

    @property
    def kind(self) -> Classes | Dimensions:
        """What is recognised."""
        task = self.target.task
        return Dimensions(task.dimensions) if task.dimensions else Classes(task.classes)

    @property
    def scales(self) -> tuple[ValueRange, ValueRange] | None:
        """Scales of the source's and of the target's values, where these differ."""
        own, its = self.scale, self.target.scale
        return (own, its) if own is not None and its is not None and own != its else None

    @property
    def folder(self) -> Path:
        """`<seed folder>/<method>-<target>`."""
        return self.base / f"{self.method.name}-{Path(self.target.folder).name}"

    @property
    def made_from(self) -> str:
        """Hash of what the predictions depend on: the trained phases, the target, its labels and the method."""
        phases = {
            f"{fold}/{phase}": sha256_file(done_path(self.run.phase_folder(phase, fold), phase))
            for fold in self.folds
            for phase in self.run.hp.phases
        }
        known: dict[str, Any] = {
            "phases": phases,
            "target": self.target.facts.manifest_sha256,
            "task": self.target.task.to_dict(),
        }
        if self.scales:
            known["scales"] = self.scales
        return sha256_json({**known, "method": self.method.name, "task of training": self.run.task.to_dict()})


def score_target(asked: TargetRun, jobs: int, force: bool = False) -> list[Prediction]:
    """Predict all utterances of a target that have a shared class, unless these predictions are there already.

    Arguments
    ---------
    asked : TargetRun
    jobs : int
        Worker processes, one a fold.
    force : bool
        Predict again what is there.

    Returns
    -------
    list of Prediction
        Sorted by fold then id; they stand in predictions.csv of the folder.

    Raises
    ------
    UserError
        The model is not trained, or the target's features are missing.
    """
    record, path = asked.folder / RECORD, asked.folder / PREDICTIONS
    made_from = asked.made_from
    asked.folder.mkdir(parents=True, exist_ok=True)
    with folder_lock(asked.folder, wait=True):
        if not force and record.exists() and (known := _read_known(record, path, made_from)) is not None:
            return known
        found = predict_targets(asked.run, asked.folds, asked.target, asked.method, jobs)
        rows = [_prediction(asked, fold, output) for fold, outputs in found.items() for output in outputs]
        record.unlink(missing_ok=True)
        write_predictions(path, rows, asked.kind)
        # Last, so that the predictions are there when it is.
        write_sealed(record, {"made_from": made_from, "sha256": sha256_file(path)})
    return sorted(rows)


def _read_known(record: Path, path: Path, made_from: str) -> list[Prediction] | None:
    """Earlier predictions; None, with a warning where something is damaged, unless they are of the same inputs."""
    try:
        known = read_sealed(record, AGAIN)
        if known.get("made_from") != made_from:
            return None
        if not path.exists() or sha256_file(path) != known.get("sha256"):
            raise DamagedFile(f"{path}: missing or not what was written")
        return read_predictions(path)[0]
    except UserError as fault:
        print(f"warning: {fault}: predicted again", flush=True)
        return None


def _prediction(asked: TargetRun, fold: str, output: Output) -> Prediction:
    utterance, task = asked.target.utterances[output.id], asked.target.task
    row = Prediction(fold, output.id, utterance.speaker)
    if task.dimensions:
        predicted = convert(output.predicted, *asked.scales) if asked.scales else output.predicted
        return replace(row, values=tuple(task.values_of(utterance) or ()), predicted=predicted)
    of_model = [math.exp(value) for value in output.predicted]
    posteriors = shared_posteriors(of_model, asked.run.classes, asked.source)
    best = max(range(len(posteriors)), key=posteriors.__getitem__)
    label = task.label_of(utterance) or ""
    return replace(row, label=label, prediction=task.classes[best], posteriors=tuple(posteriors))


def shared_posteriors(posteriors: Sequence[float], classes: Sequence[str], source: Task) -> list[float]:
    """Posteriors of the shared classes, divided by their sum where the model knows further classes.

    Arguments
    ---------
    posteriors : sequence of float
        One for each class of the model.
    classes : sequence of str
        The classes of the model.
    source : Task
        The shared classes, and which classes of the model count as one of them: their posteriors are added up.

    Raises
    ------
    UserError
        The model lacks a shared class, or gives all shared classes a posterior of 0.

    Example
    -------
    >>> shared_posteriors([0.125, 0.5, 0.375], ["anger", "boredom", "sadness"], Task(("anger", "sadness")))
    [0.25, 0.75]
    """
    shared = source.classes
    if tuple(classes) == shared:
        return list(posteriors)
    found = dict.fromkeys(shared, 0.0)
    if missing := [name for name in shared if name not in map(source.merged, classes)]:
        raise UserError(f"expected a model that knows {', '.join(shared)}, found none of {', '.join(missing)}")
    for name, value in zip(classes, posteriors, strict=True):
        if (merged := source.merged(name)) in found:
            found[merged] += value
    if not sum(found.values()) > 0:
        raise UserError("the posteriors of all shared classes are 0: train on them alone: --shared-classes train")
    return [value / sum(found.values()) for value in found.values()]


def ensemble(rows: Sequence[Prediction], classes: Sequence[str]) -> list[Prediction]:
    """One prediction an utterance from those of several models: the mean of their posteriors, or of their values.

    Arguments
    ---------
    rows : sequence of Prediction
        Each utterance once for each fold.
    classes : sequence of str
        Empty with dimensions.

    Returns
    -------
    list of Prediction
        Sorted by id; the fold is "ensemble".
    """
    by_id: dict[str, list[Prediction]] = {}
    for row in rows:
        by_id.setdefault(row.id, []).append(row)
    found = []
    for _, own in sorted(by_id.items()):
        if not classes:
            values = np.mean([row.predicted for row in own], axis=0)  # [dimension]
            found.append(replace(own[0], fold="ensemble", predicted=tuple(values.tolist())))
            continue
        mean = np.mean([row.posteriors for row in own], axis=0)  # [class]
        best = classes[int(mean.argmax())]
        found.append(replace(own[0], fold="ensemble", prediction=best, posteriors=tuple(mean.tolist())))
    return found


def all_data_cell(asked: TargetRun, rows: Sequence[Prediction], train: Sequence[str], out: Path, command: str) -> Cell:
    """The cell of a model that was trained on all data.

    Arguments
    ---------
    asked : TargetRun
    rows : sequence of Prediction
    train : sequence of str
        The corpora trained on.
    out : Path
        The folder of the matrix, which paths are relative to.
    command : str
        What was typed.
    """
    known = _known(asked, rows, train, out, command)
    return Cell(model=ALL_DATA, **known, **scores_of(rows, asked.kind))


def fold_cells(
    asked: TargetRun, rows: Sequence[Prediction], train: Sequence[str], out: Path, command: str
) -> list[Cell]:
    """The cells of the models of a cross-validation: their mean score, and their ensemble; as `all_data_cell`."""
    known = _known(asked, rows, train, out, command)
    by_fold = [[row for row in rows if row.fold == fold] for fold in asked.folds]
    scores = [asked.kind.score(own) for own in by_fold]
    means = {name: float(np.mean([one[name] for one in scores])) for name in scores[0]}
    note = f"mean over the models of {len(by_fold)} folds, which are not independent: no interval"
    of_mean = {**known, "note": "; ".join(filter(None, [note, known.get("note")]))}
    classes = asked.target.task.classes
    return [
        Cell(model=FOLD_MEAN, **of_mean, n=len(by_fold[0]), **_score_fields(means, asked.kind)),
        Cell(model=FOLD_ENSEMBLE, **known, **scores_of(ensemble(rows, classes), asked.kind)),
    ]


def _known(
    asked: TargetRun, rows: Sequence[Prediction], train: Sequence[str], out: Path, command: str
) -> dict[str, Any]:
    """The fields of a cell that are no scores."""
    path = asked.folder / PREDICTIONS
    return {
        "system": asked.run.hp.system_name,
        "row": asked.run.spec.row,
        "train": tuple(train),
        "target": asked.target.facts.corpus,
        "method": asked.method.name,
        "transductive": asked.method.transductive,
        "speakers": len({row.speaker for row in rows}),
        "predictions": os.path.relpath(path, out),
        "sha256": sha256_file(path),
        "command": command,
        **({"note": MAPPED.format(*map(scale_text, asked.scales))} if asked.scales else {}),
    }


def scores_of(rows: Sequence[Prediction], target: Classes | Dimensions) -> dict[str, Any]:
    """Scores of predictions as the fields of a cell."""
    found = {"n": len(rows), **_score_fields(target.score(rows), target)}
    intervals = target.intervals(rows)
    if isinstance(target, Dimensions):
        return {**found, "ccc_ci95": {name: intervals[f"ccc.{name}"] for name in target.names}}
    return {
        **found,
        **{f"{name}_ci95": intervals[name] for name in ("wa", "uar")},
        "confusion": target.confusion(rows),
    }


def _score_fields(scores: Mapping[str, float], target: Classes | Dimensions) -> dict[str, Any]:
    if isinstance(target, Dimensions):
        return {"ccc": {name: scores[f"ccc.{name}"] for name in target.names}, "ccc_mean": scores["ccc_mean"]}
    return {name: scores[name] for name in ("wa", "uar")}
