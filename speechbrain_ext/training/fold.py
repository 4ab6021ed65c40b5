"""A fold of an experiment: its training steps in turn, and its predictions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from speechbrain.utils.distributed import if_main_process

from speechbrain_ext.training.base_step import BaseStep
from speechbrain_ext.training.classifier_step import ClassifierStep
from speechbrain_ext.training.experiment import Experiment
from speechbrain_ext.training.finished import check_done, is_finished
from speechbrain_ext.training.objectives import DEV_SCORES, Output, ValueOutput
from speechbrain_ext.training.run_spec import RunSpec
from speechbrain_ext.training.step import Step
from speechbrain_ext.utils.files import write_json, write_text

STEP_FACTS = ("epochs", "selected_epoch", "optimizer_steps", "train_seconds", "checkpoint")


def steps_of(experiment: Experiment, fold: str) -> list[BaseStep]:
    """The steps of a fold in order, each knowing the frozen ones that it builds on."""
    steps: dict[str, BaseStep] = {}
    for name in experiment.hp.steps:
        frozen = {earlier: steps[earlier] for earlier in experiment.hp.frozen(name)}
        kind = ClassifierStep if "classifier" in experiment.hp.tree["steps"][name] else Step
        steps[name] = kind(experiment, name, fold, frozen)
    return list(steps.values())


def is_trained(experiment: Experiment, fold: str) -> bool:
    """Whether all steps of a fold are trained, with undamaged files."""
    return all(is_finished(experiment.step_folder(name, fold), name) for name in experiment.hp.steps)


def check_trained(experiment: Experiment, fold: str) -> bool:
    """Whether all steps of a fold are trained.

    Raises
    ------
    DamagedFile
        A file of a trained step is not what was written.
    """
    return all(check_done(experiment.step_folder(name, fold), name) for name in experiment.hp.steps)


def train_fold(spec: RunSpec, fold: str, on_epoch: Callable[[str, int], None] | None = None) -> dict[str, Any]:
    """Train the steps of a fold that are not whole yet.

    Arguments
    ---------
    spec : RunSpec
    fold : str
        The fold's name.
    on_epoch : callable
        Called with the step's name and the epoch after each epoch of each step.

    Returns
    -------
    dict
        Facts of the fold for results.json: epochs, training seconds, parameters by step.
    """
    experiment = Experiment(spec)
    folder = experiment.fold_folder(fold)
    with torch_settings(spec.threads):
        for step in steps_of(experiment, fold):
            step.train(None if on_epoch is None else partial(on_epoch, step.name))
    if if_main_process():
        where = {name: os.path.relpath(experiment.step_folder(name, fold), folder) for name in experiment.hp.steps}
        write_json(folder / "fold.json", {"fold": fold, "steps": where})
        write_text(folder / "hyperparams.yaml", experiment.hp.record())
    return fold_facts(experiment, fold)


def fold_facts(experiment: Experiment, fold: str) -> dict[str, Any]:
    """Training metadata of a fold, read from the records of its steps."""
    parts = experiment.fold(fold)
    steps = {step.name: step.done or {} for step in steps_of(experiment, fold)}
    warnings = dict.fromkeys(warning for done in steps.values() for warning in done.get("warnings", []))
    return {
        "name": fold,
        "n_train": len(parts["train"]),
        "n_dev": len(parts["dev"]),
        "n_test": len(parts["test"]),
        # Of the first step, which the paper counts; those of all steps stand under "steps".
        "epochs": next(iter(steps.values()))["epochs"],
        "optimizer_steps": sum(done["optimizer_steps"] for done in steps.values()),
        "steps": {name: {key: done[key] for key in STEP_FACTS} for name, done in steps.items()},
        "train_seconds": round(sum(done["train_seconds"] for done in steps.values()), 2),
        # Trained ones; all of them beside it, where a classifier's are all trained.
        "parameters": sum(done["parameters"] for done in steps.values()),
        "parameters_total": sum(done.get("parameters_total", done["parameters"]) for done in steps.values()),
        "peak_memory_mib": max(done["peak_memory_mib"] for done in steps.values()),
        **_dev_scores(experiment, list(steps.values())[-1]),
        **({"warnings": list(warnings)} if warnings else {}),
    }


def _dev_scores(experiment: Experiment, last: dict[str, Any]) -> dict[str, Any]:
    """The chosen epoch's scores of the system on the development part; where it was chosen on the test part, how much
    higher its scores are there than the last epoch's.
    """
    if experiment.selection == "test":
        final = last.get("of_last_epoch", {})
        gaps = {key.removeprefix("dev_"): last[key] - final[key] for key in DEV_SCORES if key in last and key in final}
        return {"optimism": gaps} if gaps else {}
    return {key: last[key] for key in DEV_SCORES if key in last}


def predict_fold(spec: RunSpec, fold: str) -> list[Output] | list[ValueOutput]:
    """Run the last step of a fold on its test utterances, sorted by id."""
    experiment = Experiment(spec)
    with torch_settings(spec.threads):
        return steps_of(experiment, fold)[-1].outputs(experiment.fold(fold)["test"])


@contextmanager
def torch_settings(threads: int) -> Iterator[None]:
    """Set what makes two runs the same, threads and deterministic kernels, and put back what was set before."""
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), _flushes_denormal()
    fills = torch.utils.deterministic.fill_uninitialized_memory
    torch.set_num_threads(threads)
    # Gradients that fade over many frames become denormal numbers, with which a step takes ten times as long.
    torch.set_flush_denormal(True)
    # Needed by deterministic cuBLAS; harmless elsewhere.
    chosen = "CUBLAS_WORKSPACE_CONFIG" in os.environ
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    # Nothing reads memory that nothing wrote, and to fill it takes a fifth of a step.
    torch.utils.deterministic.fill_uninitialized_memory = False
    try:
        yield
    finally:
        if not chosen:
            os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
        torch.utils.deterministic.fill_uninitialized_memory = fills
        # Left on, it would change what the caller's own arithmetic, outside of torch too, makes of small numbers.
        torch.set_flush_denormal(before[2])


def _flushes_denormal() -> bool:
    """Torch sets it without telling what it was."""
    return (torch.full((1,), torch.finfo(torch.float32).tiny) / 2).item() == 0
