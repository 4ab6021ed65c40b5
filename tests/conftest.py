"""Fixtures of all tests: the real corpus where it is named, and a small mini corpus."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import pytest
from process_state import changes, process_state

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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the seed of the order at the end too, where a log is read first."""
    seed = config.getoption("randomly_seed", None)
    if seed is not None:
        terminalreporter.write_line(f"order of the tests: repeat it with --randomly-seed={seed}")


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Seed torch as pytest-randomly seeds random and numpy, and fail a test that leaves a changed setting behind."""
    seed = request.config.getoption("randomly_seed", None)
    if seed is not None and "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed + crc32(request.node.nodeid.encode()))
    before = process_state()
    yield
    found = changes(before, process_state())
    assert not found, f"the test leaves a changed process to the tests after it: {'; '.join(found)}"


@pytest.fixture
def small_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand-ins for the figures of runs, which take a second each."""
    from speechbrain_ext.report.figures import run_figures

    monkeypatch.setattr(run_figures, "draw_file", lambda path, *build: path.write_bytes(f"{path} drawn".encode()))


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
    from speechbrain_ext.testing.emodb import write_corpus

    root = tmp_path_factory.mktemp("mini") / "EmoDB"
    write_corpus(root)
    return root
