"""Fixtures of all tests: the real corpus where it is named, and a small mini corpus."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems() -> None:
    """Before hypothesis looks at all loaded modules for the first time."""
    name_lazy_modules()


def pytest_runtest_setup() -> None:
    """Before it looks again."""
    name_lazy_modules()


def name_lazy_modules() -> None:
    """Give SpeechBrain's lazy modules a file of their own, for hypothesis asks every loaded module for it.

    They would answer by importing packages that are not there (k2).
    """
    for module in list(sys.modules.values()):
        if type(module).__module__ == "speechbrain.utils.importutils":
            module.__dict__.setdefault("__file__", None)


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
