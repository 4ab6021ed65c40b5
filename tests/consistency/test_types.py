"""The package is typed: mypy finds no fault, and few mappings without types travel between functions."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
# Only where JSON or YAML is read or written.
MOST_UNTYPED = 40
UNTYPED = {"dict[str, Any]", "Mapping[str, Any]", "dict", "Mapping", "dict[str, object]", "Mapping[str, object]"}


@pytest.mark.slow
def test_mypy_finds_no_fault():
    done = subprocess.run([sys.executable, "-m", "mypy"], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]
