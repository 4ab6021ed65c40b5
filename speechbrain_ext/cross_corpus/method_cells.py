"""Cells of a method on a target: the model is adapted where the method asks for it, and scored."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from speechbrain_ext.corpora.task import Task
from speechbrain_ext.corpora.value_range import ValueRange
from speechbrain_ext.cross_corpus.request import adapted_spec
from speechbrain_ext.evaluation.matrix import FOLD_MEAN, Cell
from speechbrain_ext.evaluation.target_scores import TargetRun, all_data_cell, fold_cells, score_target
from speechbrain_ext.preparation.names import ALL_DATA
from speechbrain_ext.training.experiment import Experiment
from speechbrain_ext.training.methods import Method
from speechbrain_ext.training.run_request import RunRequest
from speechbrain_ext.training.run_spec import RunSpec
from speechbrain_ext.training.target import TargetCorpus
from speechbrain_ext.training.train import train


@dataclass(frozen=True)
class Trained:
    """A model of all data, or the models of folds, as they were trained.

    Attributes
    ----------
    request : RunRequest
        Of one run.
    names : tuple of str
        The corpora that it is trained on.
    task : Task
        The shared classes, and which labels of the source count as one of them.
    out : Path
        The folder that paths of predictions are relative to.
    scale : (float, float) or None
        Lowest and highest value of its dimensions; None with classes.
    adapted : dict
        Runs of adapted models by specification: a model that serves several targets is trained once.
    """

    request: RunRequest
    names: tuple[str, ...]
    task: Task
    out: Path
    scale: ValueRange | None = None
    adapted: dict[RunSpec, RunRequest] = field(default_factory=dict)

    @property
    def run(self) -> Experiment:
        """The run."""
        return self.request.experiments[0]

    @property
    def folds(self) -> tuple[str, ...]:
        """Names of the folds whose models are scored."""
        return tuple(self.request.fold_names(self.run))


def cells_of_method(trained: Trained, method: Method, target: TargetCorpus) -> list[Cell]:
    """Score models on a target with a method, which may train adapted ones first.

    Arguments
    ---------
    trained : Trained
    method : Method
    target : TargetCorpus
        Its features are there.

    Returns
    -------
    list of Cell
        Of a model of all data one; of models of folds their mean score, and their ensemble. Where the method does not
        apply, one without a score that says why.

    Raises
    ------
    UserError
        An adapted model cannot be trained, or predictions cannot be made.
    """
    run, folds = trained.run, trained.folds
    if reason := method.refusal(run.hp):
        return [
            Cell(
                system=run.hp.system_name,
                row=run.spec.row,
                train=trained.names,
                target=target.facts.corpus,
                model=ALL_DATA if folds == (ALL_DATA,) else FOLD_MEAN,
                method=method.name,
                transductive=method.transductive,
                note=reason,
            )
        ]
    models = run
    if method.trained:
        spec = adapted_spec(run.spec, method, target)
        if spec not in trained.adapted:
            log(f"{run.hp.system_name} on {'+'.join(trained.names)}: {method.name} for {target.facts.corpus}")
            trained.adapted[spec] = replace(trained.request, specs=(spec,))
            train(trained.adapted[spec])
        models = trained.adapted[spec].experiments[0]
    asked = TargetRun(models, folds, target, trained.task, method, run.seed_folder, trained.scale)
    rows = score_target(asked, trained.request.jobs, trained.request.force)
    known = (asked, rows, trained.names, trained.out, run.spec.command)
    return [all_data_cell(*known)] if folds == (ALL_DATA,) else fold_cells(*known)


def log(text: str) -> None:
    """Print a line with the time."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)
