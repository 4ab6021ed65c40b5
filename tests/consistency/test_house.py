"""What the house forbids: copies, symlinks, code in recipes, paths of one machine."""

from __future__ import annotations

import hashlib
import re
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


def tracked() -> list[Path]:
    try:
        listed = subprocess.run(
            ["git", "-C", str(REPOSITORY), "ls-files", "-z"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [REPOSITORY / name for name in listed.stdout.split("\0") if name and (REPOSITORY / name).is_file()]


def test_no_symlinks_and_no_two_identical_files():
    seen: dict[str, Path] = {}
    for path in tracked():
        assert not path.is_symlink(), f"{path} is a symlink"
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert digest not in seen or not path.read_bytes(), f"{path} is a copy of {seen[digest]}"
        seen[digest] = path


def test_recipes_hold_settings_only():
    for path in (REPOSITORY / "recipes").rglob("*.py"):
        pytest.fail(f"{path}: code belongs into the package")
    for path in (REPOSITORY / "recipes").glob("*/run.sh"):
        assert len(path.read_text().splitlines()) <= 30, f"{path}: at most 30 lines"


def test_no_path_of_one_machine():
    pattern = re.compile(r"(?<![\w.])/(work|home|root|Users)/")
    for path in tracked():
        if path.suffix in (".py", ".sh", ".md", ".yaml", ".json", ".toml", ".txt", ".cff") or path.name == "run":
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                if path != Path(__file__):
                    assert not pattern.search(line), f"{path}:{number}: {line.strip()}"


@pytest.mark.parametrize(
    "script", sorted(str(p.relative_to(REPOSITORY)) for p in REPOSITORY.glob("*/**/*.sh") if ".venv" not in str(p))
)
def test_shell_scripts_parse(script):
    subprocess.run(["bash", "-n", str(REPOSITORY / script)], check=True)


def test_what_a_build_leaves_is_ignored():
    """`pip install .` leaves build/, whose copies of modules no check should read as sources."""
    for name in (
        "build/lib/speechbrain_ext/brain.py",
        "speechbrain_ext.egg-info/PKG-INFO",
        "recipes/EmoDB/exp/x",
    ):
        done = subprocess.run(["git", "-C", str(REPOSITORY), "check-ignore", "-q", name], check=False)
        if done.returncode == 128:
            pytest.skip("not a git checkout")
        assert done.returncode == 0, f"{name}: expected a line of .gitignore"
