"""run.sh builds nothing that an override or a foreign recipe names, and finds wrong values before it computes."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from recipe_runs import REPOSITORY, environment, only_error, run


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("--scheduler=!apply:os.mkdir [{marker}]", "--scheduler: found the tag !apply:os.mkdir"),
        ("--scheduler=(!!python/object/apply:os.mkdir [{marker}])", "must not begin with a parenthesis"),
        (
            "--phases={{frlm: !new:subprocess.Popen [[mkdir, {marker}]]}}",
            "--phases: found the tag !new:subprocess.Popen",
        ),
        ("--lr=&a [*a]", "--lr: line 1: found the anchor or alias a"),
        ("--lr=1e30", "--lr: expected number > 0, <= 10, found 1e+30: give another value, such as -- --lr 0.0001"),
        ("--lr=.nan", "--lr: expected number > 0, <= 10, found nan"),
        ("--lr=", "--lr: expected number > 0, <= 10, found None"),
        ("--epochs=-3", "--epochs: expected integer >= 1"),
        ("--batch_size=0", "--batch_size: expected integer >= 1"),
    ],
)
def test_a_wrong_override_is_refused_in_stage_0(tmp_path, word, message):
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus/a.wav").write_bytes(b"not read")
    done = subprocess.run(
        [
            *("bash", str(REPOSITORY / "recipes/EmoDB/run.sh"), "--exp", str(tmp_path / "exp")),
            *("--data", str(tmp_path / "data"), "--tag", "x", "--corpus-root", str(tmp_path / "corpus"), "--"),
            word.format(marker=tmp_path / "EXECUTED"),
        ],
        env=environment(tmp_path / "cache"),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and message in only_error(done)
    assert not (tmp_path / "EXECUTED").exists() and not (tmp_path / "exp").exists()


def test_keys_that_do_not_fit_together_are_found_before_stage_1(tmp_path):
    assert run(tmp_path, "--stop-stage", "0").returncode == 0
    for stage in ("1", "2"):
        words = ("--stage", stage, "--stop-stage", stage, "--tag", "x", "--", "--reduction", "300")
        done = run(tmp_path, *words, small=False)
        assert done.returncode == 1
        assert "phase urlm: reduction: expected a whole number from 1 to 64 channels, found 300" in only_error(done)
        assert not (tmp_path / "cache").exists() and not list(tmp_path.glob("exp/*/*/*/*/*/depends.json"))
    words = ("--table", "amsnet/5", "--stage", "1", "--stop-stage", "2", "--tag", "x", "--", "--channels", "[2,2,2]")
    done = run(tmp_path, *words, small=False)
    assert done.returncode == 1 and "phase urlm: reduction" in only_error(done)
    assert not (tmp_path / "cache").exists()


def test_a_recipe_outside_the_repository_runs_with_trust_alone(tmp_path):
    for name in ("recipes/EmoDB", "recipes/shared", "tools"):
        ignored = shutil.ignore_patterns("exp", "data", "results", "__pycache__")
        shutil.copytree(REPOSITORY / name, tmp_path / "copy" / name, ignore=ignored)
    own = tmp_path / "copy/recipes/EmoDB/systems/own.yaml"
    own.parent.mkdir()
    shutil.copy(REPOSITORY / "recipes/shared/systems/svm.yaml", own)
    base = ["bash", str(tmp_path / "copy/recipes/EmoDB/run.sh"), "--system", "own", "--stop-stage", "0"]
    known = {"env": environment(tmp_path / "cache", PYTHONPATH=str(REPOSITORY)), "capture_output": True, "text": True}
    done = subprocess.run(base, **known)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "add --trust to run it" in done.stderr.splitlines()[-1]
    done = subprocess.run([*base, "--trust"], **known)
    assert done.returncode == 0, done.stderr
    assert "--trust: runs !name:speechbrain_ext.training.svm.LinearSVM" in done.stdout
