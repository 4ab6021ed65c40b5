"""Folds side by side: one process each, one thread each, none left behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from speechbrain_ext.errors import UserError
from speechbrain_ext.training.run_spec import RunSpec
from speechbrain_ext.workers import begin_worker, for_workers


def map_folds(
    function: Callable[..., Any],
    tasks: Sequence[tuple[RunSpec, str]],
    jobs: int,
    title: str,
    total: int | None = None,
    on_done: Callable[[RunSpec, str, Any], None] | None = None,
) -> dict[tuple[RunSpec, str], Any]:
    """Call a function of a run specification and a fold for every task.

    Arguments
    ---------
    function : callable
        `train_fold` or `predict_fold`: found by name in a fresh process.
    tasks : sequence of (RunSpec, fold name)
    jobs : int
        Worker processes.
    title : str
        What the progress bar says.
    total : int or None
        Ticks of the bar when workers tick (epochs); None: a tick a task.
    on_done : callable
        Called with each task's specification, fold and result as they come.

    Returns
    -------
    dict
        Results by task.

    Raises
    ------
    UserError
        A worker was killed; what was whole stays.
    """
    if not tasks:
        return {}
    context = multiprocessing.get_context("spawn")
    ticks = tempfile.TemporaryDirectory(prefix="ticks-")
    pool = ProcessPoolExecutor(
        min(jobs, len(tasks)), mp_context=context, initializer=begin_worker, initargs=(os.getpid(),)
    )
    results: dict[tuple[RunSpec, str], Any] = {}
    unit = "epoch" if total else "fold"
    bar = tqdm(total=total or len(tasks), desc=title, unit=unit, delay=2.0, mininterval=_pause())
    try:
        with for_workers(tasks[0][0].threads):
            folder = ticks.name if total else None
            waiting = {pool.submit(_call, function, spec, fold, folder): (spec, fold) for spec, fold in tasks}
        with bar:
            while waiting:
                ended, _ = wait(waiting, timeout=0.2, return_when=FIRST_COMPLETED)
                for future in ended:
                    _take(future, waiting.pop(future), results, on_done)
                bar.update((_count(ticks.name) if total else len(results)) - bar.n)
            # Steps that went on from a checkpoint ticked less often than the whole number of their epochs.
            bar.total = bar.n
    except BrokenProcessPool:
        raise UserError(
            f"{title}: a worker process was killed (out of memory?): what was whole is kept; "
            f"type the same command again, with fewer --jobs than {jobs} if memory is short"
        ) from None
    except BaseException:
        for process in list(getattr(pool, "_processes", {}).values()):
            process.kill()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        ticks.cleanup()
    return results


def _take(
    future: Future, task: tuple[RunSpec, str], results: dict, on_done: Callable[[RunSpec, str, Any], None] | None
) -> None:
    results[task] = future.result()
    if on_done is not None:
        on_done(*task, results[task])


def _call(function: Callable[..., Any], spec: RunSpec, fold: str, ticks: str | None) -> Any:
    if ticks is None:
        return function(spec, fold)
    return function(spec, fold, partial(_tick, Path(ticks) / str(os.getpid())))


def _tick(path: Path, epoch: int) -> None:
    # A byte an epoch in a file of the worker's own: a killed worker leaves no lock behind.
    with open(path, "ab") as stream:
        stream.write(b".")


def _count(folder: str) -> int:
    return sum(entry.stat().st_size for entry in os.scandir(folder))


def _pause() -> float:
    return 0.5 if sys.stderr.isatty() else 15.0


def kill_group(process: Any) -> None:
    """End a process that was started as the head of its own group, and all that it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        for _ in range(50):
            if process.poll() is not None:
                return
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGKILL)
