#!/usr/bin/env python3
"""Measures how many small faults, put into a module one at a time, its tests notice (by hand, not in CI).

Usage: python tools/mutation.py --work FOLDER [--modules audit,metrics] [--sample 60] [--seed 0] [--out FILE.json]
tools/mutation_groups.yaml names the groups: their source files and the tests that have to notice. tools/mutants.py says
what a mutant is, and makes it. The sample is the mutants with the smallest sha256 of "<seed>:<mutant>".
The tests run on a copy of the tree under --work. The mutant is written there: processes that tests start see it too.
A first run finds out which tests execute which lines; a mutant meets only those that execute its line, fastest first.
Each mutant has a forked child of this process, which has loaded torch, pytest and what else does not change.
Tests marked slow and tests above 20 s are left out. A line that no test executes makes a survivor ("not executed").
Each result is appended to --work/results.jsonl, from where a second run goes on; --again survived runs survivors again.
--markdown docs/mutation.md writes the tables into that page, reasons from tools/mutation_reasons.yaml.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from mutants import Mutant, apply, diff, draw_sample, find_mutants
from mutation_plugin import Plugin
from mutation_tables import Group, read_history, survivors, table, write_page

REPOSITORY = Path(__file__).resolve().parents[1]
LONGEST_TEST_S = 20.0
BUSY = 20  # seconds by the clock for one of processor time, on a busy machine
MEMORY_BYTES = 40 << 30
LOADED_ONCE = (
    "torch speechbrain pytest hypothesis sklearn.metrics scipy.stats transformers soundfile soxr pdb tomllib "
    "_pytest.doctest _pytest.junitxml _pytest.logging _pytest.unittest _pytest.faulthandler _pytest.pastebin "
    "pytest_randomly _hypothesis_pytestplugin xdist.plugin anyio.pytest_plugin"
).split()


def run_pytest(tree: Path, tests: list[str], plugin: Plugin, trace: bool) -> int:
    """In a forked child: pytest on the copy of the tree."""
    import pytest

    sys.dont_write_bytecode = not trace  # a mutant leaves no compiled file
    if trace:
        threading.settrace(plugin.trace)
        sys.settrace(plugin.trace)
    words = ["-q", "-p", "no:cacheprovider", "-p", "randomly", "--randomly-dont-reorganize", "--randomly-seed=0"]
    words += ["-m", "not slow", f"--basetemp={tree.parent / 'tmp'}", "-o", "addopts=--strict-markers"]
    return int(pytest.main([*words, *(["-x"] if not trace else []), *tests], plugins=[plugin]))


def fork(action: Any, limit_s: float, cpu_limit_s: int, log: Path) -> tuple[str, str]:
    """Run an action in a child with its own process group, in two limits of time; how it ended, and what it answers."""
    answer = log.with_suffix(".answer")
    answer.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        status = 70
        try:
            os.setsid()
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
            resource.setrlimit(resource.RLIMIT_CPU, (cpu_limit_s, cpu_limit_s + 5))
            output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(output, 1)
            os.dup2(output, 2)
            answer.write_text(json.dumps(action()))
            status = 0
        finally:
            os._exit(status)
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            _kill(child)
            if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU:
                return "timed out", ""
            return ("ended", answer.read_text()) if answer.exists() and status == 0 else ("died", "")
        time.sleep(0.02)
    _kill(child)
    os.waitpid(child, 0)
    return "timed out", ""


def _kill(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass


def first_run(tree: Path, sources: list[str], tests: list[str]) -> dict[str, Any]:
    """Which tests execute which lines, and for how long."""

    def action() -> dict[str, Any]:
        plugin = Plugin({str(tree / path): path for path in sources}, None)
        status = run_pytest(tree, tests, plugin, trace=True)
        plugin.lines["import"] |= plugin.imported
        lines = {name: sorted(found) for name, found in plugin.lines.items()}
        durations = {"seconds": plugin.seconds, "cpu_s": plugin.cpu_s}
        return {"lines": lines, **durations, "failed": sorted(plugin.failed), "status": status}

    log = tree.parent / "first.log"
    ended, text = fork(action, 3600, 3600, log)
    known = json.loads(text) if ended == "ended" else {"status": ended}
    if known["status"] not in (0, 1):  # 0 all passed, 1 some failed
        sys.exit(f"the tests without a mutant were not run, pytest ended with {known['status']}: see {log}")
    return known


def run_mutant(tree: Path, mutant: Mutant, known: dict[str, Any], factor: float) -> dict[str, Any]:
    """Write the mutant into the copy, run the tests that execute its line, and put the source back."""

    def executed(name: str) -> bool:
        return any(path == mutant.path and mutant.first <= line <= mutant.last for path, line in known["lines"][name])

    at_import = executed("import")
    usable = [
        name for name, seconds in known["seconds"].items() if seconds < LONGEST_TEST_S and name not in known["failed"]
    ]
    order = sorted((t for t in usable if at_import or executed(t)), key=known["seconds"].__getitem__)
    if not order:
        return {"result": "survived", "tests": 0, "why": "not executed"}
    file, began = tree / mutant.path, time.monotonic()
    source = file.read_bytes()
    files = sorted({name.split("::")[0] for name in order})
    shutil.rmtree(tree / ".hypothesis", ignore_errors=True)
    try:
        file.write_bytes(apply(source, mutant))
        os.utime(file, (began, began))  # another time than the source's: no compiled file fits
        clock_s, cpu_s = (sum(known[key][name] for name in order) for key in ("seconds", "cpu_s"))
        cpu_limit_s = int(factor * cpu_s) + 10
        limit_s = factor * clock_s + BUSY * cpu_limit_s
        action = partial(run_pytest, tree, files, Plugin({}, order), False)
        ended, text = fork(action, limit_s, cpu_limit_s, tree.parent / "mutant.log")
    finally:
        file.write_bytes(source)
    result = "timed out" if ended == "timed out" else "killed"
    if ended == "ended" and text in ("0", "4", "5"):  # all passed, or (which no mutant is credited for) none was run
        result = "survived"
    return {"result": result, "tests": len(order), "seconds": round(time.monotonic() - began, 2)}


def prepare_tree(work: Path) -> Path:
    """Copy the tree's files to the work folder, and load there what does not change."""
    tree = work / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True).stdout.decode()
    for name in listed.split("\0"):
        if (REPOSITORY / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, tree / name)
    os.chdir(tree)
    sys.path[0] = str(tree)
    os.environ["PYTHONPATH"] = str(tree)
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    for name in LOADED_ONCE:
        with contextlib.suppress(ImportError):  # what is not installed here is loaded by no test either
            __import__(name)
    gc.collect()
    gc.freeze()  # else each child looks through (and so copies) all that was loaded here, 0.3 s
    return tree


def measure(name: str, group: dict[str, list[str]], asked: argparse.Namespace, tree: Path) -> None:
    """Run the sample of one group, without what is already known."""
    results = asked.work / "results.jsonl"
    sources = [f"speechbrain_ext/{path}" for path in group["sources"]]
    mutants = find_mutants(sources, tree)
    rows = {mutant: found[-1] for (of, mutant), found in read_history(results).items() if of == name}
    chosen = draw_sample(mutants, asked.sample, asked.seed)
    # A mutant that was never run needs all tests of the group.
    todo = [m for m in chosen if (rows[m.name]["result"] == asked.again if m.name in rows else not asked.tests)]
    print(f"{name}: {len(mutants)} mutants, {len(chosen)} in the sample, {len(todo)} to run", flush=True)
    if not todo:
        return
    tests = asked.tests.split(",") if asked.tests else group["tests"]
    known = first_run(tree, sources, [f"tests/{path}" for path in tests])
    if known["failed"]:
        print(f"{name}: fail without a mutant and are left out: {' '.join(known['failed'])}", flush=True)
    for mutant in todo:
        row = {"group": name, "mutant": mutant.name, "place": f"{mutant.path}:{mutant.line}", "all": len(mutants)}
        row |= run_mutant(tree, mutant, known, asked.timeout)
        row["diff"] = diff((tree / mutant.path).read_bytes(), mutant)
        with results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def main() -> None:
    groups = yaml.safe_load((REPOSITORY / "tools/mutation_groups.yaml").read_text(encoding="utf-8"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder of the copy of the tree and of results.jsonl")
    parser.add_argument("--modules", default=",".join(groups), help="groups, by commas (all)")
    parser.add_argument("--sample", type=int, default=60, help="mutants of a group (60)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the sample (0)")
    parser.add_argument(
        "--timeout", type=float, default=3.0, help="limit, in times of the tests' own processor time, plus 10 s (3)"
    )
    parser.add_argument("--again", choices=["survived"], help="run these mutants of the sample again")
    parser.add_argument("--tests", help="with --again: against these tests alone, by commas, such as the new ones")
    parser.add_argument("--out", type=Path, help="all results as JSON")
    parser.add_argument("--report", action="store_true", help="run nothing, print the tables of what is known")
    parser.add_argument("--markdown", type=Path, help="run nothing, write the tables into this page")
    asked = parser.parse_args()
    asked.work = asked.work.resolve()
    asked.out = asked.out and asked.out.resolve()
    names = asked.modules.split(",")
    if unknown := sorted(set(names) - set(groups)):
        parser.error(f"unknown modules {' '.join(unknown)}; known: {' '.join(groups)}")
    if asked.tests and not asked.again:
        parser.error("--tests goes with --again: the first run of a mutant needs all tests of its group")
    if not asked.report and not asked.markdown:
        asked.work.mkdir(parents=True, exist_ok=True)
        tree = prepare_tree(asked.work)
        for name in names:
            measure(name, groups[name], asked, tree)
    history = read_history(asked.work / "results.jsonl")
    known = [known_of(name, groups[name], asked, history) for name in names]
    reasons = yaml.safe_load((REPOSITORY / "tools/mutation_reasons.yaml").read_text(encoding="utf-8")) or {}
    if asked.markdown:
        write_page(asked.markdown, known, reasons)
    else:
        print(table(known), survivors(known, reasons), sep="\n\n")
    if asked.out:
        last = [found[-1] for (group, _), found in history.items() if group in names]
        asked.out.write_text(json.dumps(last, indent=1), encoding="utf-8")


def known_of(name: str, group: dict[str, list[str]], asked: argparse.Namespace, history: dict[Any, Any]) -> Group:
    """The rows of the mutants that a sample of the source has today, the first and the last of each."""
    if not any(of == name for of, _ in history):
        return Group(name, 0, 0, {})
    mutants = find_mutants([f"speechbrain_ext/{path}" for path in group["sources"]], REPOSITORY)
    chosen = draw_sample(mutants, asked.sample, asked.seed)
    rows = {mutant: history[name, mutant.name] for mutant in chosen if (name, mutant.name) in history}
    return Group(name, len(mutants), len(chosen), rows)


if __name__ == "__main__":
    main()
