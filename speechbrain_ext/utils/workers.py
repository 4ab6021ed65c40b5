"""Worker processes: few threads, SIGINT ignored, ended with their parent."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextvars import ContextVar
from typing import Any

from speechbrain_ext.utils.errors import UserError

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
# glibc gives large blocks back to the kernel at every free; page faults then cost a sixth of a training step.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**32), "MALLOC_TRIM_THRESHOLD_": str(2**34)}
PR_SET_PDEATHSIG = 1


@contextlib.contextmanager
def for_workers(threads: int = 1) -> Iterator[None]:
    """Within it, processes start with `threads` threads and never see Ctrl-C, which is the parent's to answer."""
    wanted = dict.fromkeys(THREAD_VARIABLES, str(threads)) | KEEP_MEMORY
    before = {name: os.environ.get(name) for name in wanted}
    # A new process inherits the mask, so Ctrl-C cannot hit it before begin_worker has run.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    os.environ.update(wanted)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def worker_pool(jobs: int, broken: str, threads: int = 1) -> Iterator[Callable[..., Future[Any]]]:
    """Start processes that work for this one and end with it, however it ends.

    Arguments
    ---------
    jobs : int
        Worker processes.
    broken : str
        The beginning of the message where a worker is killed.
    threads : int
        Threads of each worker.

    Returns
    -------
    callable
        `submit(function, *arguments)` gives a future; the function is found by its name in a new process.

    Raises
    ------
    UserError
        A worker was killed.
    """
    kept = _KEPT.get()
    pool = _start(jobs) if kept is None else kept.take(jobs, threads)

    def submit(function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        # A submission may start a process, which inherits what holds now.
        with for_workers(threads):
            return pool.submit(function, *arguments)

    try:
        yield submit
    except BrokenProcessPool:
        raise UserError(
            f"{broken} (out of memory?): completed work is kept: type the same command again, with fewer --jobs than "
            f"{jobs} if memory is short"
        ) from None
    except BaseException:
        for process in list((getattr(pool, "_processes", None) or {}).values()):
            process.kill()
        raise
    else:
        if kept is not None:
            kept.give_back(jobs, threads, pool)
            return
    finally:
        if kept is None or not kept.holds(pool):
            pool.shutdown(wait=True, cancel_futures=True)


class _KeptPool:
    """Workers between two uses: those of one number of processes and threads, with what they have imported."""

    def __init__(self) -> None:
        self.free: tuple[int, int, ProcessPoolExecutor] | None = None

    def take(self, jobs: int, threads: int) -> ProcessPoolExecutor:
        """Give the kept workers where their number and threads are those asked for, else new ones."""
        free, self.free = self.free, None
        if free is not None and free[:2] == (jobs, threads):
            return free[2]
        if free is not None:
            free[2].shutdown(wait=True)
        return _start(jobs)

    def give_back(self, jobs: int, threads: int, pool: ProcessPoolExecutor) -> None:
        """Keep workers that have nothing left to do."""
        self.close()
        self.free = jobs, threads, pool

    def holds(self, pool: ProcessPoolExecutor) -> bool:
        """Whether these workers are kept."""
        return self.free is not None and self.free[2] is pool

    def close(self) -> None:
        """End the kept workers."""
        if self.free is not None:
            self.free[2].shutdown(wait=True)
        self.free = None


_KEPT: ContextVar[_KeptPool | None] = ContextVar("kept workers", default=None)


@contextlib.contextmanager
def keep_workers() -> Iterator[None]:
    """Within it, the workers of one pool serve the next one of the same size: packages are imported once."""
    kept = _KeptPool()
    before = _KEPT.set(kept)
    try:
        yield
    finally:
        _KEPT.reset(before)
        kept.close()


def _start(jobs: int) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(jobs, mp_context=context, initializer=begin_worker, initargs=(os.getpid(),))


def begin_worker(parent: int) -> None:
    """Ignore Ctrl-C, and end with the parent even when it is killed.

    Arguments
    ---------
    parent : int
        Process number of the parent; a worker whose parent is already gone ends at once.
    """
    from tqdm import tqdm

    # tqdm's own lock is a named semaphore, which a killed worker would leave to the resource tracker to complain of.
    tqdm.set_lock(threading.RLock())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    end_with_parent(parent, signal.SIGKILL)


def end_with_parent(parent: int, with_signal: int) -> None:
    """Ask the kernel for a signal when the parent ends; end at once where it is gone already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, with_signal)
    if os.getppid() != parent:
        os._exit(1)
