"""Stage 2: train every fold of a protocol, each phase of the system in turn."""

from __future__ import annotations

from contextlib import ExitStack

from tqdm import tqdm

from speechbrain_ext.corpora.data_folder import check_audio_unchanged, write_corpus_name
from speechbrain_ext.training import launch
from speechbrain_ext.training.ddp import train_fold_ddp
from speechbrain_ext.training.experiment import Experiment
from speechbrain_ext.training.finished import FoldFacts, is_finished
from speechbrain_ext.training.fold import is_trained, train_fold
from speechbrain_ext.training.plan import epochs_of
from speechbrain_ext.training.progress import Progress, TimedPhase
from speechbrain_ext.training.rates import Rates
from speechbrain_ext.training.run_request import RunRequest
from speechbrain_ext.training.run_spec import RunSpec
from speechbrain_ext.training.side_by_side import choose_jobs, rates_text
from speechbrain_ext.training.system_build import check_resources, check_system
from speechbrain_ext.utils.errors import UsageError
from speechbrain_ext.utils.files import folder_lock
from speechbrain_ext.utils.folders import check_inside, remove_folder


def train(request: RunRequest) -> None:
    """Train what is missing; each seed's folder is held for this process alone.

    Arguments
    ---------
    request : RunRequest
        The runs, their folds, and how many processes train them.

    Raises
    ------
    UserError
        An input is missing or has changed, another run holds a folder, or a training failed.
    """
    runs = request.experiments
    check_audio_unchanged(runs[0].spec.data, [runs[0].utterances[identity] for identity in runs[0].used])
    write_corpus_name(runs[0].corpus_folder, runs[0].manifest)
    check_system(runs[0].hp)
    folds = request.fold_names(runs[0])
    if runs[0].selection == "test":
        print("warning: --selection test chooses epochs on the test part: scores are optimistic, for reproduction only")
    batch_size = runs[0].hp.tree.get("batch_size", request.nproc)
    if request.nproc > 1 and batch_size % request.nproc:
        raise UsageError(f"--nproc {request.nproc}: batch_size {batch_size} is not a multiple of it")
    with ExitStack() as locks:
        for run in runs:
            locks.enter_context(folder_lock(run.seed_folder, request.wait))
            if request.force:
                forget(run, folds, request.wait)
            run.claim()
        tasks = [(run, fold) for run in runs for fold in folds if not is_trained(run, fold)]
        ready = len(runs) * len(folds) - len(tasks)
        if ready:
            print(f"train: {ready} of {len(runs) * len(folds)} folds are trained already")
        _train(tasks, _jobs(request, len(tasks)), request.nproc)
    print(f"train: {len(folds)} folds x {len(runs)} seeds are trained ({runs[0].seed_folder.parent})")


def _jobs(request: RunRequest, tasks: int) -> int:
    """How many folds are trained side by side: what was asked for, or what is fastest here."""
    most = min(request.jobs, tasks)
    spec = request.experiments[0].spec
    hp = request.experiments[0].hp
    networks = any("network" in hp.tree["phases"][phase] for phase in hp.phases)
    if not (request.measure_jobs and networks and most > 1 and request.nproc == 1):
        return request.jobs
    if spec.device != "cpu" or spec.threads != 1:
        return request.jobs
    jobs, rates = choose_jobs(most)
    print(rates_text(jobs, rates), flush=True)
    return jobs


def _train(tasks: list[tuple[Experiment, str]], jobs: int, nproc: int) -> None:
    if not tasks:
        return
    # After --stage 2 as well as after stage 1, and not where everything is trained already.
    check_resources(tasks[0][0].hp)
    if nproc > 1:
        for run, fold in tasks:
            _report(run.spec, fold, train_fold_ddp(run, fold, nproc))
        return
    hp = tasks[0][0].hp
    rates = Rates(tasks[0][0].corpus_folder, hp)
    phases = [phase for number, (run, fold) in enumerate(tasks) for phase in _phases(run, fold, number, rates)]
    calls = [(run.spec, fold) for run, fold in tasks]
    launch.map_folds(
        train_fold, calls, jobs, f"train {hp.system_name}", Progress(phases, min(jobs, len(tasks))), on_done=_report
    )


def _phases(run: Experiment, fold: str, number: int, rates: Rates) -> list[TimedPhase]:
    """The phases of a fold that are to be trained, with the seconds of an epoch where they are known."""
    missing = [phase for phase in run.hp.phases if not is_finished(run.phase_folder(phase, fold), phase)]
    n_train = len(run.fold(fold).train)
    phases = []
    for phase in missing:
        rate = rates.of(phase, n_train)
        phases.append(
            TimedPhase(
                number,
                phase,
                run.spec.fixed_epochs.get(phase) or epochs_of(run.hp.tree, phase),
                rate.epoch_seconds if rate else None,
            )
        )
    return phases


def _report(spec: RunSpec, fold: str, facts: FoldFacts) -> None:
    # A classifier that is fitted at once has no optimiser.
    phases = f"{facts.optimizer_steps} optimiser steps, " if facts.optimizer_steps else ""
    tqdm.write(f"train: seed {spec.seed} fold {fold}: {facts.n_train} utterances, {phases}{facts.train_seconds:.0f} s")


def forget(run: Experiment, folds: list[str], wait: bool = False) -> None:
    """Remove what --force redoes: the folds, their shared phases, and what was scored from them.

    Arguments
    ---------
    run : Experiment
    folds : list of str
        Names of the folds.
    wait : bool
        Wait for another run that trains a shared phase now, instead of refusing.

    Raises
    ------
    UserError
        A folder is in use by another run, or leads outside the experiments.
    """
    root = run.spec.exp
    for fold in folds:
        for folder in dict.fromkeys(
            [*(run.phase_folder(phase, fold) for phase in run.hp.phases), run.fold_folder(fold)]
        ):
            if folder.exists():
                with folder_lock(folder, wait):
                    remove_folder(root, folder)
    for name in ("depends.json", "results.json", "predictions.csv", "embeddings.npz"):
        check_inside(root, run.seed_folder / name).unlink(missing_ok=True)
