"""Help is at hand without heavy imports; documented commands exist."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
BINS = sorted(p.stem for p in (REPOSITORY / "speechbrain_ext/bin").glob("*.py"))
COMMANDS = [name for name in BINS if "def main(" in (REPOSITORY / f"speechbrain_ext/bin/{name}.py").read_text()]
PROBE = """
import runpy, sys
sys.argv = ["x", *sys.argv[2:]]
try:
    runpy.run_module("speechbrain_ext.bin." + {name!r}, run_name="__main__")
except SystemExit as end:
    status = end.code
heavy = [name for name in ("torch", "numpy", "speechbrain", "matplotlib") if name in sys.modules]
print("HEAVY", heavy, "STATUS", status)
"""


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_every_command_imports_nothing_heavy(name):
    code = PROBE.replace("{name!r}", repr(name))
    done = subprocess.run([sys.executable, "-c", code, "x", "--help"], capture_output=True, text=True)
    assert "HEAVY [] STATUS 0" in done.stdout, done.stdout + done.stderr
    assert "usage" in done.stdout


@pytest.mark.parametrize("recipe", sorted(p.parent.name for p in (REPOSITORY / "recipes").glob("*/run.sh")))
def test_help_of_run_sh_needs_no_environment(recipe, tmp_path):
    bare = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    script = REPOSITORY / "recipes" / recipe / "run.sh"
    done = subprocess.run(["bash", str(script), "--help"], capture_output=True, text=True, env=bare, cwd=tmp_path)
    assert done.returncode == 0 and "--stop-stage" in done.stdout and not done.stderr


def test_an_unknown_option_of_a_command_names_the_nearest():
    done = subprocess.run(
        [sys.executable, "-m", "speechbrain_ext.bin.prepare", "--corpus", "EmoDB", "--protcol", "speaker"],
        capture_output=True,
        text=True,
        env={**os.environ},
    )
    assert done.returncode == 2
    assert "unknown option --protcol: did you mean --protocol?" in done.stderr and "Traceback" not in done.stderr
