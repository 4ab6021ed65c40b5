"""What tools/mutation.py adds to pytest: which lines each test executes, how long it takes, which tests run first."""

from __future__ import annotations

import time
from typing import Any


class Plugin:
    """In the first run notes lines and durations of each test; afterwards chooses and orders tests."""

    def __init__(self, files: dict[str, str], order: list[str] | None) -> None:
        self.files, self.order = files, order  # absolute path -> path in the repository
        self.lines: dict[str, set[tuple[str, int]]] = {}
        self.shared: dict[str, set[tuple[str, int]]] = {}
        self.seconds: dict[str, float] = {}
        self.cpu_s: dict[str, float] = {}
        self.failed: set[str] = set()
        self.current: set[tuple[str, int]] = set()
        self.imported: set[tuple[str, int]] = set()

    def trace(self, frame: Any, event: str, argument: Any) -> Any:
        path = self.files.get(frame.f_code.co_filename)
        if path is None:
            return None
        # Some modules are imported by the first test that needs them, but what their import does is there for all.
        lines = self.imported if event == "call" and self.is_import(frame) else self.current

        def line(frame: Any, event: str, argument: Any) -> Any:
            lines.add((path, frame.f_lineno))
            return line

        return line(frame, event, argument)

    def is_import(self, frame: Any) -> bool:
        """Whether a frame runs the body of a source's module, or of a class in it."""
        while frame is not None and frame.f_code.co_filename in self.files:
            if frame.f_code.co_name == "<module>":
                return True
            frame = frame.f_back
        return False

    def pytest_collection_modifyitems(self, config: Any, items: list[Any]) -> None:
        if self.order is not None:
            rank = {name: index for index, name in enumerate(self.order)}
            items[:] = sorted((item for item in items if item.nodeid in rank), key=lambda item: rank[item.nodeid])
        else:
            self.lines["import"], self.current = self.current, set()

    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> Any:
        before, self.current = self.current, set()
        result = yield
        if fixturedef.scope != "function":
            self.shared.setdefault(fixturedef.argname, set()).update(self.current)
        self.current |= before
        return result

    pytest_fixture_setup.pytest_impl = {"wrapper": True}

    def pytest_runtest_protocol(self, item: Any, nextitem: Any) -> Any:
        self.current, began, cpu = set(), time.monotonic(), time.process_time()
        result = yield
        self.seconds[item.nodeid], self.cpu_s[item.nodeid] = time.monotonic() - began, time.process_time() - cpu
        shared = [self.shared.get(name, set()) for name in item.fixturenames]
        self.lines[item.nodeid] = self.current.union(*shared)
        return result

    pytest_runtest_protocol.pytest_impl = {"wrapper": True}

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            self.failed.add(report.nodeid)
