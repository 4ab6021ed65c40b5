#!/usr/bin/env python
"""Measures how many mutants of the code the tests notice. By hand, not in continuous integration.

Of each group of files a seeded sample of mutants is taken (tools/mutants.py), and each is run against the tests that
execute its line, the fastest first. A mutant is killed when a test fails. What was measured is kept in a file, and a
second call goes on from there. Example: python tools/mutation.py --groups folds,audit --sample 60
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import importlib.abc
import importlib.util
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from mutants import Mutant, mutants_of

REPOSITORY = Path(__file__).resolve().parents[1]
GROUPS = REPOSITORY / "tools/mutation_groups.json"
# Tests that take longer are left out: a mutant may run each of them.
LONGEST_TEST_S = 20.0
KILLED, TIMED_OUT, SURVIVED, NOT_RUN = "killed", "timed out", "survived", "not executed"


class Changed(importlib.abc.MetaPathFinder, importlib.abc.SourceLoader):
    """Loads one module from a changed source."""

    def __init__(self, path: str, source: str) -> None:
        self.path, self.source = str(REPOSITORY / path), source
        self.name = path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        if name == self.name:
            return importlib.util.spec_from_file_location(name, self.path, loader=self)
        return None

    def get_filename(self, name: str) -> str:
        return self.path

    def get_data(self, path: str) -> bytes:
        # Only the source is ours; there is no bytecode of it.
        if path != self.path:
            raise OSError(path)
        return self.source.encode("utf-8")


class Trace:
    """Notes which lines of some files each test executes, and how long it takes."""

    def __init__(self, paths: list[str]) -> None:
        self.paths = {str(REPOSITORY / path): path for path in paths}
        self.lines: dict[str, list[list]] = {}
        self.seconds: dict[str, float] = collections.defaultdict(float)
        self.skipped: set[str] = set()
        self.hit: set[tuple[str, int]] = set()
        self.of_import: set[tuple[str, int]] = set()

    def local(self, frame, event, _):
        if event == "line":
            self.hit.add((self.paths[frame.f_code.co_filename], frame.f_lineno))
        return self.local

    def call(self, frame, event, _):
        if frame.f_code.co_filename not in self.paths:
            return None
        self.hit.add((self.paths[frame.f_code.co_filename], frame.f_lineno))
        return self.local

    def pytest_runtest_logstart(self, nodeid, location):
        # What fixtures of a module execute counts for its first test.
        self.hit = set()
        sys.settrace(self.call)

    def pytest_runtest_logreport(self, report):
        self.seconds[report.nodeid] += report.duration
        if report.outcome != "passed":
            self.skipped.add(report.nodeid)

    def pytest_runtest_logfinish(self, nodeid, location):
        sys.settrace(None)
        self.lines[nodeid] = sorted([list(each) for each in self.hit])


def in_child(call, limit_s: float) -> int | None:
    """Call a function in a forked process; give its exit status, None after the time limit."""
    number = os.fork()
    if number == 0:
        os.setpgid(0, 0)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        status = 70
        try:
            status = int(call())
        finally:
            os._exit(status)
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        ended, status = os.waitpid(number, os.WNOHANG)
        if ended:
            _kill(number)
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    _kill(number)
    os.waitpid(number, 0)
    return None


def _kill(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def run_tests(names: list[str], plugins: list, mini: Path, first_fault: bool = True) -> int:
    """Run tests in this process; their copies of the mini corpus are taken from one that was written before."""
    import pytest

    from speechbrain_ext.testing import emodb

    emodb.write_corpus = lambda root, seed=0, progress=False: shutil.copytree(mini, root, dirs_exist_ok=True)
    base = tempfile.mkdtemp(prefix="mutant-", dir=mini.parent)
    try:
        options = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-m", "not slow", f"--basetemp={base}/tests"]
        return pytest.main([*options, *(["-x"] if first_fault else []), *names], plugins=plugins)
    finally:
        shutil.rmtree(base, ignore_errors=True)


def trace(paths: list[str], tests: list[str], mini: Path) -> Trace:
    """Run a group's tests once on the code as it is."""
    found, out = Trace(paths), mini.parent / "trace.json"

    def call() -> int:
        run_tests(tests, [found], mini, first_fault=False)
        kept = {"lines": found.lines, "seconds": found.seconds, "skipped": sorted(found.skipped)}
        out.write_text(json.dumps(kept), encoding="utf-8")
        return 0

    assert in_child(call, 3600) == 0, f"the tests could not be run: {tests}"
    kept = json.loads(out.read_text(encoding="utf-8"))
    found.lines, found.seconds, found.skipped = kept["lines"], kept["seconds"], set(kept["skipped"])
    return found


def judge(mutant: Mutant, traced: Trace, mini: Path) -> str:
    """Run a mutant against the tests that execute its lines."""
    place = [mutant.path, mutant.line]
    known = {name for name, seconds in traced.seconds.items() if seconds < LONGEST_TEST_S} - traced.skipped
    executing = [name for name in known if place in traced.lines.get(name, [])]
    # What runs at import (constants, defaults, classes) is executed by no single test: all of them may notice.
    names = executing or (sorted(known) if _at_import(mutant) else [])
    if not names:
        return NOT_RUN
    names.sort(key=lambda name: traced.seconds[name])

    def call() -> int:
        sys.meta_path.insert(0, Changed(mutant.path, mutant.source))
        return run_tests(names, [], mini)

    status = in_child(call, 30 + 3 * sum(traced.seconds[name] for name in names))
    return TIMED_OUT if status is None else SURVIVED if status == 0 else KILLED


def _at_import(mutant: Mutant) -> bool:
    """Whether the line is executed when the module is imported: it lies in no function, or is its head."""
    import ast

    tree = ast.parse((REPOSITORY / mutant.path).read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return not any(node.body[0].lineno <= mutant.line <= (node.end_lineno or 0) for node in functions)


def key_of(mutant: Mutant) -> str:
    """A mutant's name, the same as long as its line and its change are."""
    return hashlib.sha256(f"{mutant.path}\n{mutant.line}\n{mutant.diff}".encode()).hexdigest()[:16]


def report(kept: dict[str, dict], order: list[str]) -> str:
    """A table of the groups with the share of killed mutants and its 95 % interval (Wilson)."""
    from scipy.stats import binomtest

    lines = ["| group | mutants | killed | timed out | survived | not executed | killed, % [95 %] |"]
    lines.append("|---|---:|---:|---:|---:|---:|---:|")
    for group in order:
        states = collections.Counter(one["state"] for one in kept.values() if one["group"] == group)
        number, noticed = sum(states.values()), states[KILLED] + states[TIMED_OUT]
        if number:
            low, high = binomtest(noticed, number).proportion_ci(method="wilson")
            cells = [number, *(states[state] for state in (KILLED, TIMED_OUT, SURVIVED, NOT_RUN))]
            rate = f"{100 * noticed / number:.0f} [{100 * low:.0f}, {100 * high:.0f}]"
            lines.append(f"| {group} | {' | '.join(map(str, cells))} | {rate} |")
    return "\n".join(lines)


def main() -> None:
    """Measure the groups, print the table and the survivors."""
    groups = json.loads(GROUPS.read_text(encoding="utf-8"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--groups", default=",".join(groups), help="names of tools/mutation_groups.json, with commas")
    parser.add_argument("--sample", type=int, default=60, help="mutants of each group (60)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the sample (0)")
    parser.add_argument("--out", type=Path, default=REPOSITORY / ".cache/mutation.jsonl", help="where results are kept")
    parser.add_argument("--again", action="store_true", help="run survivors again, after tests were added")
    asked = parser.parse_args()
    # Imported once; a mutant's process has them from the start.
    import pytest  # noqa: F401
    import scipy.signal  # noqa: F401
    import sklearn.metrics  # noqa: F401
    import speechbrain  # noqa: F401
    import torch  # noqa: F401
    import torchaudio  # noqa: F401

    sys.path[:0] = [str(REPOSITORY)]
    os.chdir(REPOSITORY)
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    kept = {
        one["key"]: one for one in map(json.loads, asked.out.read_text().splitlines() if asked.out.exists() else [])
    }
    chosen = asked.groups.split(",")
    if unknown := set(chosen) - groups.keys():
        parser.error(f"--groups: expected names of {', '.join(groups)}, found {', '.join(sorted(unknown))}")
    wanted: list[str] = []
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        mini = Path(folder) / "EmoDB"
        assert in_child(lambda: _write_mini(mini), 600) == 0
        for group in chosen:
            paths, tests = groups[group]["files"], groups[group]["tests"]
            made = [one for path in paths for one in mutants_of(path, Path(path).read_text(encoding="utf-8"))]
            sample = random.Random(f"{asked.seed}:{group}").sample(made, min(asked.sample, len(made)))
            wanted += map(key_of, sample)
            again = (SURVIVED, NOT_RUN) if asked.again else ()
            left = [one for one in sample if key_of(one) not in kept or kept[key_of(one)]["state"] in again]
            traced = trace(paths, tests, mini) if left else None
            for number, mutant in enumerate(left, 1):
                state = judge(mutant, traced, mini)
                known = {"key": key_of(mutant), "group": group, "of": len(made), "state": state}
                known |= {"path": mutant.path, "line": mutant.line, "kind": mutant.kind, "diff": mutant.diff}
                kept[known["key"]] = known
                with asked.out.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps(known) + "\n")
                print(f"{group} {number} of {len(left)}: {state}: {mutant.path}:{mutant.line}", flush=True)
    kept = {key: kept[key] for key in wanted}
    for one in kept.values():
        if one["state"] in (SURVIVED, NOT_RUN):
            print(f"\n{one['path']}:{one['line']} ({one['kind']}, {one['state']})\n{one['diff']}")
    print(f"\n{report(kept, chosen)}")


def _write_mini(mini: Path) -> int:
    from speechbrain_ext.testing.emodb import write_corpus

    write_corpus(mini)
    return 0


if __name__ == "__main__":
    main()
