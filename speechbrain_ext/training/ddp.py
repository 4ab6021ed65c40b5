"""A fold trained by several ranks that torchrun starts."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from speechbrain_ext.training.experiment import Experiment
from speechbrain_ext.training.finished import FoldFacts
from speechbrain_ext.training.fold import fold_facts, train_fold
from speechbrain_ext.training.launch import kill_group
from speechbrain_ext.training.received import read_spec
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import folder_lock, write_json
from speechbrain_ext.utils.workers import KEEP_MEMORY, THREAD_VARIABLES, begin_worker

RANK_MODULE = "speechbrain_ext.bin.rank"
FAILURES = "failures.json"
# Names the process that started the ranks: they end with it.
LAUNCHER = "SER_LAUNCHER"
ERROR_LINE = re.compile(r"error: (.+)")


def train_fold_ddp(experiment: Experiment, fold: str, nproc: int) -> FoldFacts:
    """Train a fold with `nproc` ranks under torchrun.

    Arguments
    ---------
    experiment : Experiment
    fold : str
        The fold's name.
    nproc : int
        Ranks; each takes its share of every batch.

    Raises
    ------
    UserError
        A rank failed or was killed; it is named, and all that the ranks wrote is in the log that is named.
    """
    spec = experiment.spec
    log = experiment.fold_folder(fold) / "ranks.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ranks-") as folder, open(log, "w", encoding="utf-8") as written:
        task = Path(folder) / "task.json"
        write_json(task, {"spec": asdict(spec), "fold": fold})
        threads = dict.fromkeys(THREAD_VARIABLES, str(spec.threads))
        # Whatever torchrun and the ranks leave in TMPDIR when they are killed is removed with the folder.
        own = {"TMPDIR": folder, "SER_PARENT": str(os.getpid())}
        process = subprocess.Popen(
            [sys.executable, "-m", RANK_MODULE, "--nproc", str(nproc), str(task)],
            env={**os.environ, **threads, **KEEP_MEMORY, **own},
            stdout=written,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = process.wait()
        finally:
            kill_group(process)
        failures = Path(folder) / FAILURES
        failed = json.loads(failures.read_text(encoding="utf-8")) if failures.exists() else []
    if status:
        remove_unfinished_files(experiment, fold)
        reason = failure_reason(failed, log.read_text(encoding="utf-8", errors="replace"), status)
        raise UserError(f"--nproc {nproc}, fold {fold}: {reason} (all that the ranks wrote: {log})")
    return fold_facts(experiment, fold)


def failure_reason(failed: Sequence[tuple[int, int]], log: str, status: int) -> str:
    """Why the ranks failed, and what to do.

    Arguments
    ---------
    failed : sequence of (int, int)
        Rank and exit code of those that failed first; a negative code is that of a signal.
    log : str
        All that the ranks wrote.
    status : int
        Exit code of the process that started them.

    Example
    -------
    >>> failure_reason([(0, 1), (1, -9)], "", 1)
    'rank 1 was ended by SIGKILL (out of memory?): saved checkpoints are kept: type the same command again'
    """
    # Ranks that wait for a killed one fail too, and torchrun ends the others with SIGTERM: they are named last.
    for rank, code in sorted(failed, key=lambda each: (each[1] == -signal.SIGTERM, each[1] >= 0)):
        if code < 0:
            return f"rank {rank} was ended by {_signal_name(-code)}: saved checkpoints are kept: {_AGAIN}"
        errors = [match[1] for match in map(ERROR_LINE.match, log.splitlines()) if match]
        return errors[0] if errors else f"rank {rank} ended with status {code}: see the last lines, then {_AGAIN}"
    ended = f"was ended by {_signal_name(-status)}" if status < 0 else f"ended with status {status}"
    return f"torchrun {ended}: saved checkpoints are kept: {_AGAIN}"


_AGAIN = "type the same command again"


def _signal_name(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
    return f"{name} (out of memory?)" if name == "SIGKILL" else name


def remove_unfinished_files(experiment: Experiment, fold: str) -> None:
    """Remove temporary files that killed ranks left in the folders of a fold; folders in use are left as they are."""
    folders = {experiment.fold_folder(fold), *(experiment.phase_folder(name, fold) for name in experiment.hp.phases)}
    for folder in folders:
        try:
            with folder_lock(folder):
                for path in folder.rglob(".*.part"):
                    path.unlink(missing_ok=True)
        except UserError:
            continue


def start_ranks(task_file: str, nproc: int) -> None:
    """Start the ranks under torchrun; write which of them failed first into the folder of the task.

    Raises
    ------
    SystemExit
        A rank failed.
    """
    from torch.distributed import run
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    parent, folder = os.getppid(), Path(task_file).parent
    os.environ[LAUNCHER] = str(os.getpid())
    signalled = True
    try:
        run.main(["--standalone", f"--nproc_per_node={nproc}", "-m", RANK_MODULE, task_file])
        signalled = False
    except ChildFailedError as fault:
        signalled = False
        failed = [(rank, failure.exitcode) for rank, failure in sorted(fault.failures.items())]
        write_json(folder / FAILURES, failed)
        sys.exit(1)
    finally:
        # The signal of a dying parent comes once for each of its threads, the first while it is still the parent.
        if signalled or os.getppid() != parent:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            remove_for_good(folder)


def remove_for_good(folder: Path, pause_s: float = 0.1, quiet: int = 10) -> None:
    """Remove a folder until it stays away: what the killed ranks have started may write there a moment longer."""
    absent = 0
    for _ in range(100):
        shutil.rmtree(folder, ignore_errors=True)
        absent = 0 if folder.exists() else absent + 1
        if absent == quiet:
            break
        time.sleep(pause_s)


def train_as_rank(task_file: str) -> None:
    """What each rank does: read the task, join the group, train."""
    from speechbrain.utils.distributed import ddp_init_group

    begin_worker(int(os.environ[LAUNCHER]))
    task = json.loads(Path(task_file).read_text(encoding="utf-8"))
    # The file lies in a folder of the process that started this one, which has said what is trusted.
    spec = read_spec(task["spec"], task_file, task["spec"]["trust"])
    cuda = spec.device.startswith("cuda")
    if cuda:
        spec = replace(spec, device=f"cuda:{os.environ['LOCAL_RANK']}")
    ddp_init_group({"distributed_backend": "nccl" if cuda else "gloo"})
    train_fold(spec, task["fold"])
