"""A training by several ranks, killed in the middle: a rank alone, and the process above all of them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from recipe_runs import command, environment, run

pytestmark = pytest.mark.slow
WORDS = ("--protocol", "speaker", "--folds", "09", "--nproc", "2", "--stop-stage", "2")


def ranks_of(folder: Path) -> dict[int, int]:
    """Process numbers by rank of the ranks whose temporary folder lies in a folder."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            pairs = [pair.partition("=") for pair in (process / "environ").read_text().split("\0")]
        except OSError:
            continue
        variables = {name: value for name, _, value in pairs}
        if "RANK" in variables and variables.get("TMPDIR", "").startswith(str(folder)):
            found[int(variables["RANK"])] = int(process.name)
    return found


def words(features: Path) -> list[str]:
    """Options of a training whose earlier stages are done."""
    return [*WORDS, "--stage", "2", "--data", str(features / "data")]


def remains(temporary: Path) -> list[str]:
    """What lies in a temporary folder, without the cache that torch itself keeps there for a user."""
    left = [path for path in temporary.iterdir() if not path.name.startswith("torchinductor_")]
    # A folder may go while it is listed: os.walk passes over it.
    return [
        os.path.join(place, name) for folder in left for place, _, files in os.walk(folder) for name in ("", *files)
    ]


def wait_for(condition, seconds: float):
    """The first true value of a condition."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.1)
    raise AssertionError("it did not happen in time")


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    done = run(folder, *WORDS[:-2], "--stop-stage", "1")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def training(features, tmp_path):
    """A running training, its temporary folder, and its ranks after the first checkpoint."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    process = subprocess.Popen(
        command(tmp_path, *words(features)),
        env=environment(features / "cache", TMPDIR=str(temporary)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    started = wait_for(lambda: process.poll() is not None or list((tmp_path / "exp").rglob("CKPT.yaml")), 300)
    assert started is not True, process.stderr.read()
    ranks = ranks_of(temporary)
    assert set(ranks) == {0, 1}
    yield process, temporary, ranks
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_rank_is_named_and_the_same_command_goes_on(features, training, tmp_path, rank):
    process, temporary, ranks = training
    left = next((tmp_path / "exp").rglob("CKPT.yaml")).parent / ".model.ckpt.x.part"
    left.touch()
    os.kill(ranks[rank], signal.SIGKILL)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1 and "Traceback" not in errors
    line = errors.splitlines()[-1]
    assert f"--nproc 2, fold 09: rank {rank} was ended by SIGKILL" in line and "type the same command again" in line
    assert not remains(temporary) and not left.exists()
    assert not ranks_of(temporary)
    if rank == 0:
        return
    done = run(tmp_path, *words(features), cache=features / "cache")
    assert done.returncode == 0, done.stderr


def test_ranks_end_with_the_process_that_wanted_them(training, tmp_path):
    process, temporary, _ = training
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    wait_for(lambda: not ranks_of(temporary), 60)
    with contextlib.suppress(AssertionError):
        wait_for(lambda: not remains(temporary), 60)
    assert not remains(temporary)
    assert not list((tmp_path / "exp").rglob("done-fusion.json")), "the ranks trained to the end"
