"""A fold trained by several ranks that torchrun starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from speechbrain_ext.errors import UserError
from speechbrain_ext.files import write_json
from speechbrain_ext.training.experiment import Experiment
from speechbrain_ext.training.fold import fold_facts, train_fold
from speechbrain_ext.training.launch import kill_group
from speechbrain_ext.training.received import read_spec
from speechbrain_ext.training.run_spec import RunSpec

RANK_MODULE = "speechbrain_ext.bin.rank"


def train_fold_ddp(spec: RunSpec, fold: str, nproc: int) -> dict[str, Any]:
    """Train a fold with `nproc` ranks under torchrun.

    Arguments
    ---------
    spec : RunSpec
    fold : str
        The fold's name.
    nproc : int
        Ranks; each takes its share of every batch.

    Raises
    ------
    UserError
        A rank failed; what it said is repeated, the rest is in the log that is named.
    """
    experiment = Experiment(spec)
    log = experiment.fold_folder(fold) / "ranks.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, open(log, "w", encoding="utf-8") as said:
        task = Path(folder) / "task.json"
        write_json(task, {"spec": asdict(spec), "fold": fold})
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={nproc}"]
        environment = {**os.environ, "OMP_NUM_THREADS": str(spec.threads)}
        process = subprocess.Popen(
            [*command, "-m", RANK_MODULE, str(task)],
            env=environment,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = process.wait()
        finally:
            kill_group(process)
    if status:
        lines = [line for line in log.read_text(encoding="utf-8").splitlines() if "error: " in line]
        told = lines[0].partition("error: ")[2] if lines else f"status {status}"
        raise UserError(f"--nproc {nproc}, fold {fold}: {told} (all that the ranks said: {log})")
    return fold_facts(experiment, fold)


def train_as_rank(task_file: str) -> None:
    """What each rank does: read the task, join the group, train."""
    from speechbrain.utils.distributed import ddp_init_group

    task = json.loads(Path(task_file).read_text(encoding="utf-8"))
    # The file lies in a folder of the process that started this one, which has said what is trusted.
    spec = read_spec(task["spec"], task_file, task["spec"]["trust"])
    cuda = spec.device.startswith("cuda")
    if cuda:
        spec = replace(spec, device=f"cuda:{os.environ['LOCAL_RANK']}")
    ddp_init_group({"distributed_backend": "nccl" if cuda else "gloo"})
    train_fold(spec, task["fold"])
