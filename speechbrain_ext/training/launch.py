"""Folds side by side: one process each, one thread each, none left behind."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from speechbrain_ext.training.progress import Progress
from speechbrain_ext.training.run_spec import RunSpec
from speechbrain_ext.utils.workers import worker_pool

T = TypeVar("T")


def map_folds(
    function: Callable[..., T],
    tasks: Sequence[tuple[RunSpec, str]],
    jobs: int,
    title: str,
    progress: Progress | None = None,
    on_done: Callable[[RunSpec, str, T], None] | None = None,
) -> dict[tuple[RunSpec, str], T]:
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
    progress : Progress or None
        The phases of the tasks, in the order of the tasks; workers report every epoch. None: the bar counts tasks.
    on_done : callable
        Called with each task's specification, fold and result as they come.

    Returns
    -------
    dict
        Results by task.

    Raises
    ------
    UserError
        A worker was killed; completed folds are kept.
    """
    if not tasks:
        return {}
    results: dict[tuple[RunSpec, str], T] = {}
    bar = tqdm(total=len(tasks), desc=title, unit="fold", delay=2.0, mininterval=_pause(), miniters=0)
    broken = f"{title}: a worker process was killed"
    with (
        tempfile.TemporaryDirectory(prefix="ticks-") as ticks,
        worker_pool(min(jobs, len(tasks)), broken, tasks[0][0].threads) as submit,
        bar,
    ):
        folder = ticks if progress else None
        waiting = {
            submit(_call, function, spec, fold, number, folder): number for number, (spec, fold) in enumerate(tasks)
        }
        read: dict[str, int] = {}
        while waiting:
            ended, _ = wait(waiting, timeout=0.2, return_when=FIRST_COMPLETED)
            if progress:
                _read_ticks(ticks, read, progress)
            for future in ended:
                number = waiting.pop(future)
                task = tasks[number]
                results[task] = future.result()
                if on_done is not None:
                    on_done(*task, results[task])
                if progress:
                    progress.task_ended(number)
            _show(bar, title, progress, len(results))
    return results


def _call(function: Callable[..., T], spec: RunSpec, fold: str, number: int, ticks: str | None) -> T:
    return function(spec, fold) if ticks is None else function(spec, fold, _Ticker(Path(ticks), number))


class _Ticker:
    """Writes a line for each epoch of a task: its number, the phase, the epoch, and the seconds that it took."""

    def __init__(self, folder: Path, number: int) -> None:
        # A file of the worker's own: a killed worker leaves no lock behind.
        self.path = folder / str(os.getpid())
        self.number, self.last = number, time.monotonic()

    def __call__(self, phase: str, epoch: int) -> None:
        now = time.monotonic()
        with open(self.path, "a", encoding="utf-8") as stream:
            stream.write(f"{json.dumps([self.number, phase, epoch, now - self.last])}\n")
        self.last = now


def _read_ticks(folder: str, read: dict[str, int], progress: Progress) -> None:
    """Count the epochs that workers wrote since the last look; a line without an end is read the next time."""
    for entry in os.scandir(folder):
        with open(entry.path, encoding="utf-8") as stream:
            stream.seek(read.get(entry.path, 0))
            text = stream.read()
        end = text.rfind("\n") + 1
        read[entry.path] = read.get(entry.path, 0) + len(text[:end].encode("utf-8"))
        for line in text[:end].splitlines():
            progress.epoch(*json.loads(line))


def _show(bar: tqdm, title: str, progress: Progress | None, done: int) -> None:
    """Bring the bar up to date: seconds of work where phases are known, else tasks."""
    if progress is None:
        bar.update(done - bar.n)
        return
    # A share of an unknown total would be false.
    share = "" if progress.unknown or not progress.total_s else "{percentage:3.0f}%|{bar}| "
    bar.bar_format = share + "{desc} [{elapsed} so far]"
    bar.total, bar.unit = progress.total_s, "s"
    bar.set_description_str(f"{title}: {progress.text()}", refresh=False)
    # A rate that is measured anew may lower what is done.
    bar.update(progress.done_s - bar.n)


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
