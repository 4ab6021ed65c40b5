"""A fold trained by several ranks: torchrun starts them, each runs this module."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from speechbrain_ext.errors import UserError
from speechbrain_ext.files import write_json
from speechbrain_ext.training.experiment import Experiment, RunSpec
from speechbrain_ext.training.fold import fold_facts, train_fold
from speechbrain_ext.training.launch import kill_group


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
        A rank failed; its own message stands above.
    """
    with tempfile.TemporaryDirectory() as folder:
        task = Path(folder) / "task.json"
        write_json(task, {"spec": asdict(spec), "fold": fold})
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={nproc}"]
        command += ["-m", "speechbrain_ext.training.ddp", str(task)]
        environment = {**os.environ, "OMP_NUM_THREADS": str(spec.threads)}
        process = subprocess.Popen(command, env=environment, start_new_session=True)
        try:
            status = process.wait()
        finally:
            kill_group(process)
    if status:
        raise UserError(f"--nproc {nproc}: fold {fold} ended with status {status}: see the message above")
    return fold_facts(Experiment(spec), fold)


def main() -> None:
    """One rank: read the task, join the group, train."""
    from speechbrain.utils.distributed import ddp_init_group

    task = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    spec = RunSpec(**{**task["spec"], "overrides": tuple(task["spec"]["overrides"])})
    cuda = spec.device.startswith("cuda")
    if cuda:
        spec = RunSpec(**{**asdict(spec), "device": f"cuda:{os.environ['LOCAL_RANK']}"})
    ddp_init_group({"distributed_backend": "nccl" if cuda else "gloo"})
    train_fold(spec, task["fold"])


if __name__ == "__main__":
    main()
