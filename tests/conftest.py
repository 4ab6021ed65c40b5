"""Fixtures of all tests: the real corpus where it is named, and a small mini corpus."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The repository's root."""
    return REPOSITORY


@pytest.fixture(scope="session")
def emodb_root() -> Path:
    """A real copy of EmoDB, or a skip that says how to name one."""
    root = os.environ.get("EMODB_ROOT")
    if not root:
        pytest.skip("EMODB_ROOT does not name a copy of EmoDB")
    return Path(root)


@pytest.fixture(scope="session")
def mini_emodb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The mini EmoDB, written once for all tests of a session."""
    from speechbrain_ext.testing.emodb import write_emodb

    root = tmp_path_factory.mktemp("mini") / "EmoDB"
    write_emodb(root)
    return root
