"""A user's mistake gives one line with what to type next, and leaves no half-written file."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest
from recipe_runs import command, environment, only_error, run


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--protcol", "speaker"), "unknown option --protcol: did you mean --protocol?"),
        (("--protocol",), "--protocol: missing value"),
        (("--seed", "--jobs"), "--seed: missing value"),
        (("--stage", "3", "--stop-stage", "1"), "no stage is in this range"),
        (("--stop-stage", "9"), "--stop-stage: expected a whole number from 0 to 4, found '9'"),
        (("--stage", "two"), "expected a whole number"),
        (("--system", "amsnte"), "did you mean amsnet"),
        (("--system", "sd_caff", "--preset", "offical"), "expected one of paper, official: did you mean official?"),
        (("--preset", "official"), "--preset official: expected one of paper"),
        (("speaker",), "expected an option, found 'speaker'"),
        (("--force", "maybe"), "expected an option, found 'maybe'"),
        (("--", "--lr", "1"), "add --tag NAME"),
        (("--protocol", "speakers"), "did you mean speaker?"),
        (("--dev", "speakr"), "did you mean speaker?"),
        (("--selection", "lsat"), "expected one of last, dev, test, found 'lsat': did you mean last?"),
    ],
)
def test_command_line_faults_end_with_2(tmp_path, words, message):
    done = run(tmp_path, *words, small=False)
    assert done.returncode == 2
    assert message in only_error(done)
    assert not list(tmp_path.iterdir())


def test_a_later_stage_first_names_the_command_that_is_missing(tmp_path):
    done = run(tmp_path, "--stage", "2", "--stop-stage", "2", small=False)
    assert done.returncode == 1 and "--stage 0 --stop-stage 0" in only_error(done)


@pytest.mark.parametrize("kind", ["missing", "empty", "wrong", "file"])
def test_corpus_folders_that_are_none(tmp_path, kind):
    root = tmp_path / "corpus"
    if kind == "file":
        root.write_text("no folder")
    elif kind != "missing":
        root.mkdir()
    if kind == "wrong":
        (root / "holiday.wav").write_bytes(b"RIFF")
    done = run(tmp_path, "--corpus-root", str(root), "--stop-stage", "0", small=False)
    assert done.returncode == 1 and str(root) in done.stderr and "Traceback" not in done.stderr
    assert "error: " in done.stderr.splitlines()[-1]
    assert not (tmp_path / "data/EmoDB-real/manifest.jsonl").exists()


def test_an_unwritable_place_is_one_error(tmp_path):
    (tmp_path / "data").write_text("a file where a folder should be")
    done = run(tmp_path, "--stop-stage", "0", small=False)
    assert done.returncode == 1 and "Traceback" not in done.stderr and "error: " in done.stderr


@pytest.mark.slow
def test_evaluation_names_the_missing_training(tmp_path):
    assert run(tmp_path, "--stop-stage", "0").returncode == 0
    done = run(tmp_path, "--stage", "3", "--stop-stage", "3")
    assert done.returncode == 1 and "are not trained: train them with" in only_error(done)


@pytest.mark.slow
def test_misspelt_hyper_parameters_and_folds(tmp_path):
    assert run(tmp_path, "--stop-stage", "0").returncode == 0
    base = ("--stage", "2", "--stop-stage", "2", "--tag", "x")
    done = run(tmp_path, *base, "--", "--hiden_size", "8", small=False)
    assert done.returncode == 2 and "did you mean hidden_size" in only_error(done)
    for stage in ("1", "2"):
        done = run(tmp_path, "--stage", stage, "--stop-stage", "2", "--folds", "9", small=False)
        assert done.returncode == 2 and "the folds of random5 are 1, 2, 3, 4, 5" in only_error(done)
    assert not (tmp_path / "cache").exists()
    done = run(tmp_path, *base, "--", "--max_grad_norm", "-1", small=False)
    assert done.returncode == 2 and "--max_grad_norm: expected number > 0, found -1" in only_error(done)


@pytest.fixture
def training(tmp_path):
    """A long training in a group of its own, and the folder it holds."""
    assert run(tmp_path, "--stop-stage", "1").returncode == 0
    words = command(tmp_path, "--stage", "2", "--stop-stage", "2")
    words[words.index("--epochs") + 1] = "5000"
    process = subprocess.Popen(
        words,
        env=environment(tmp_path / "cache"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    lock = tmp_path / "exp/EmoDB-mini/amsnet/small/random5/seed-1/.lock"
    for _ in range(600):
        if list((tmp_path / "exp").rglob("CKPT+*/COMPLETE.json")):
            break
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.1)
    yield tmp_path, process, lock
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def living(pid: int) -> list[str]:
    """Command lines of the processes of a group that still run."""
    listed = subprocess.run(["ps", "-eo", "pgid=,stat=,args="], capture_output=True, text=True).stdout
    rows = [line.split(None, 2) for line in listed.splitlines()]
    return [row[2] for row in rows if int(row[0]) == pid and not row[1].startswith("Z")]


@pytest.mark.slow
def test_a_second_run_on_the_same_experiment_is_refused_by_host_and_process(training):
    folder, process, lock = training
    words = command(folder, "--stage", "2", "--stop-stage", "2")
    words[words.index("--epochs") + 1] = "5000"
    done = subprocess.run(words, env=environment(folder / "cache"), capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    message = only_error(done)
    assert f"process {lock.read_text().split()[1]} on {os.uname().nodename}" in message and "--wait" in message
    assert process.poll() is None


@pytest.mark.slow
@pytest.mark.parametrize(("number", "to_group"), [(signal.SIGINT, True), (signal.SIGTERM, False)])
def test_an_interrupted_run_says_so_and_leaves_no_process(training, number, to_group):
    _, process, _ = training
    if to_group:
        os.killpg(process.pid, number)
    else:
        os.kill(process.pid, number)
    _, message = process.communicate(timeout=60)
    assert "Traceback" not in message and "resource_tracker" not in message, message
    assert process.returncode != 0
    if to_group:
        assert process.returncode == 130
        assert [line for line in message.splitlines() if line.startswith("error: interrupted")], message
    for _ in range(100):
        if not living(process.pid):
            break
        time.sleep(0.1)
    assert not living(process.pid)


@pytest.mark.slow
def test_a_killed_run_sh_takes_its_workers_along(training):
    _, process, _ = training
    process.kill()
    process.wait()
    for _ in range(100):
        if not living(process.pid):
            break
        time.sleep(0.1)
    assert not living(process.pid)


@pytest.mark.slow
def test_a_full_disk_is_told_in_one_line_and_the_run_goes_on_afterwards(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here (needs root)")
    try:
        assert run(tmp_path, "--stop-stage", "1").returncode == 0
        words = command(tmp_path, "--stage", "2", "--stop-stage", "2", "--folds", "1", "--jobs", "1")
        words[words.index("--exp") + 1] = str(small / "exp")
        words[words.index("--hidden_size") + 1] = "128"
        done = subprocess.run(words, env=environment(tmp_path / "cache"), capture_output=True, text=True, timeout=600)
        assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
        assert "disk is full" in done.stderr.splitlines()[-1]
        subprocess.run(["mount", "-o", "remount,size=200m", str(small)], check=True)
        done = subprocess.run(words, env=environment(tmp_path / "cache"), capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
