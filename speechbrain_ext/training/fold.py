"""A fold of an experiment: its phases in turn, and its predictions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import torch
from speechbrain.utils.distributed import if_main_process

from speechbrain_ext.training.classifier_phase import ClassifierPhase
from speechbrain_ext.training.experiment import Experiment
from speechbrain_ext.training.finished import FinishedPhase, FoldFacts, PhaseFacts, check_done, is_finished
from speechbrain_ext.training.network_phase import NetworkPhase
from speechbrain_ext.training.objectives import Output
from speechbrain_ext.training.phase import Phase
from speechbrain_ext.training.run_spec import RunSpec
from speechbrain_ext.utils.files import write_json, write_text

DEV_SCORES = ("dev_wa", "dev_uar", "dev_ccc")


def phases_of(experiment: Experiment, fold: str) -> list[Phase]:
    """The phases of a fold in order, each knowing the frozen ones that it builds on."""
    phases: dict[str, Phase] = {}
    for name in experiment.hp.phases:
        frozen = {earlier: phases[earlier] for earlier in experiment.hp.frozen(name)}
        kind = ClassifierPhase if "classifier" in experiment.hp.tree["phases"][name] else NetworkPhase
        phases[name] = kind(experiment, name, fold, frozen)
    return list(phases.values())


def is_trained(experiment: Experiment, fold: str) -> bool:
    """Whether all phases of a fold are trained, with undamaged files."""
    return all(is_finished(experiment.phase_folder(name, fold), name) for name in experiment.hp.phases)


def check_trained(experiment: Experiment, fold: str) -> bool:
    """Whether all phases of a fold are trained.

    Raises
    ------
    DamagedFile
        A file of a trained phase is not what was written.
    """
    return all(check_done(experiment.phase_folder(name, fold), name) for name in experiment.hp.phases)


def train_fold(spec: RunSpec, fold: str, on_epoch: Callable[[str, int], None] | None = None) -> FoldFacts:
    """Train the incomplete phases of a fold.

    Arguments
    ---------
    spec : RunSpec
    fold : str
        The fold's name.
    on_epoch : callable
        Called with the phase's name and the epoch after each epoch of each phase.

    Returns
    -------
    FoldFacts
        What was trained: epochs, training seconds, parameters by phase.
    """
    experiment = Experiment(spec)
    folder = experiment.fold_folder(fold)
    with torch_settings(spec.threads):
        phases = phases_of(experiment, fold)
        for phase in phases:
            # A fault of a later phase's features is found before an earlier phase is trained.
            _ = phase.sources
        for phase in phases:
            phase.train(None if on_epoch is None else partial(on_epoch, phase.name))
    if if_main_process():
        where = {name: os.path.relpath(experiment.phase_folder(name, fold), folder) for name in experiment.hp.phases}
        write_json(folder / "fold.json", {"fold": fold, "phases": where})
        write_text(folder / "hyperparams.yaml", experiment.hp.record())
    return fold_facts(experiment, fold)


def fold_facts(experiment: Experiment, fold: str) -> FoldFacts:
    """How a fold was trained, from the records of its phases."""
    parts = experiment.fold(fold)
    phases = {phase.name: phase.trained for phase in phases_of(experiment, fold)}
    finished = list(phases.values())
    last = finished[-1]
    by_test = experiment.selection == "test"
    return FoldFacts(
        name=fold,
        n_train=len(parts.train),
        n_dev=len(parts.dev),
        n_test=len(parts.test),
        epochs=finished[0].epochs,
        optimizer_steps=sum(each.optimizer_steps for each in finished),
        phases={
            name: PhaseFacts(**{each.name: getattr(done, each.name) for each in fields(PhaseFacts)})
            for name, done in phases.items()
        },
        train_seconds=round(sum(each.train_seconds for each in finished), 2),
        parameters=sum(each.parameters for each in finished),
        parameters_total=sum(each.parameters_total for each in finished),
        peak_memory_mib=max(each.peak_memory_mib for each in finished),
        optimism=_optimism(last) or None if by_test else None,
        **{name: None if by_test else last.dev_scores.get(name) for name in DEV_SCORES},
        warnings=tuple(dict.fromkeys(warning for each in finished for warning in each.warnings)) or None,
    )


def _optimism(last: FinishedPhase) -> dict[str, float]:
    """How much higher the scores of the chosen epoch are than those of the last one."""
    return {
        key.removeprefix("dev_"): score - last.last_dev_scores[key]
        for key, score in last.dev_scores.items()
        if key in last.last_dev_scores
    }


@dataclass(frozen=True)
class FoldOutputs:
    """Outputs of a fold's last phase for its test utterances and its development utterances, sorted by id.

    `dev` is empty where the fold has no development set, and for dimensions, which have no posteriors to scale.
    """

    test: list[Output]
    dev: list[Output]


def predict_fold(spec: RunSpec, fold: str) -> FoldOutputs:
    """Run the last phase of a fold on the utterances that it was not trained on."""
    experiment = Experiment(spec)
    parts, has_classes = experiment.fold(fold), not experiment.task.dimensions
    with torch_settings(spec.threads):
        last = phases_of(experiment, fold)[-1]
        return FoldOutputs(last.outputs(parts.test), last.outputs(parts.dev) if parts.dev and has_classes else [])


@contextmanager
def torch_settings(threads: int) -> Iterator[None]:
    """Set what makes two runs the same, threads and deterministic kernels, and put back what was set before."""
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), _flushes_denormal()
    deterministic: Any = torch.utils.deterministic
    fills = deterministic.fill_uninitialized_memory
    torch.set_num_threads(threads)
    # Gradients that fade over many frames become denormal numbers, which make an optimiser step ten times slower.
    torch.set_flush_denormal(True)
    # Needed by deterministic cuBLAS; harmless elsewhere.
    chosen = "CUBLAS_WORKSPACE_CONFIG" in os.environ
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    # Nothing reads memory that nothing wrote, and to fill it takes a fifth of an optimiser step.
    deterministic.fill_uninitialized_memory = False
    try:
        yield
    finally:
        if not chosen:
            os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
        deterministic.fill_uninitialized_memory = fills
        # Left on, it would change what the caller's own arithmetic, outside of torch too, makes of small numbers.
        torch.set_flush_denormal(before[2])


def _flushes_denormal() -> bool:
    """Torch sets it without telling what it was."""
    return (torch.full((1,), torch.finfo(torch.float32).tiny) / 2).item() == 0
