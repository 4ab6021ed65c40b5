"""Killed at any moment and started again: the same weights and predictions to the bit."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch
from recipe_runs import command, environment, run

pytestmark = pytest.mark.slow
WORDS = ("--protocol", "speaker", "--dev", "speaker", "--folds", "08", "--jobs", "1")


def weights(folder: Path) -> dict[str, dict[str, torch.Tensor]]:
    """State of every step's last and best checkpoints, by step and epoch."""
    found = {}
    for path in sorted((folder / "exp").rglob("model.ckpt")):
        if "phases" in path.parts:
            step = path.parts[path.parts.index("phases") + 1]
        else:
            step = "own"
        meta = (path.parent / "CKPT.yaml").read_text()
        epoch = [line for line in meta.splitlines() if line.startswith("epoch")][0]
        found[f"{step} {epoch}"] = torch.load(path, weights_only=True)
    return found


def same(one: dict[str, dict[str, torch.Tensor]], two: dict[str, dict[str, torch.Tensor]]) -> None:
    assert one.keys() == two.keys()
    for name, state in one.items():
        assert state.keys() == two[name].keys()
        for key, value in state.items():
            assert torch.equal(value, two[name][key]), f"{name} {key}"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    done = run(folder, *WORDS, "--stop-stage", "3")
    assert done.returncode == 0, done.stderr
    return folder


def predictions(folder: Path) -> bytes:
    return next((folder / "exp").rglob("predictions.csv")).read_bytes()


def test_a_second_run_elsewhere_is_the_same(undisturbed, tmp_path):
    done = run(tmp_path, *WORDS, "--stop-stage", "3", cache=undisturbed / "cache")
    assert done.returncode == 0, done.stderr
    same(weights(undisturbed), weights(tmp_path))
    assert predictions(undisturbed) == predictions(tmp_path)


@pytest.mark.parametrize("number", range(3))
def test_killed_and_resumed_is_the_same(undisturbed, tmp_path, number):
    generator = random.Random(number)
    kills = 0
    for _ in range(4):
        process = subprocess.Popen(
            command(tmp_path, *WORDS, "--stop-stage", "3"),
            env=environment(undisturbed / "cache"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            process.wait(timeout=generator.uniform(8, 16))
        except subprocess.TimeoutExpired:
            kills += 1
        os.killpg(process.pid, signal.SIGKILL) if process.poll() is None else None
        process.wait()
        time.sleep(0.2)
    done = run(tmp_path, *WORDS, "--stop-stage", "3", cache=undisturbed / "cache")
    assert done.returncode == 0, done.stderr
    assert kills, "no run was killed: shorten the waits"
    same(weights(undisturbed), weights(tmp_path))
    assert predictions(undisturbed) == predictions(tmp_path)
