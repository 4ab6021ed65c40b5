"""tools/mutation.py on a repository of one small module: what it finds, what tests kill, and what it leaves behind."""

from __future__ import annotations

import json
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
SOURCE = """\
def double(value):
    return value * 2


def is_large(value):
    return value > 10


def unused(value):
    return value + 1
"""
TESTS = """\
from speechbrain_ext.tiny import double, is_large


def test_double():
    assert double(3) == 6


def test_is_large():
    assert is_large(11) and not is_large(9)
"""
BOUNDARY = "\n\ndef test_ten_is_not_large():\n    assert not is_large(10)\n"
SETTINGS = "[tool.pytest.ini_options]\nmarkers = ['slow: left out']\n"
BEGIN, END = "<!-- tables: written by tools/mutation.py --markdown -->", "<!-- end of tables -->"
GROUPS = "tiny: {sources: [tiny.py], tests: [test_tiny.py]}\n"


@pytest.fixture
def mutants(monkeypatch):
    """The names of tools/mutants.py."""
    monkeypatch.syspath_prepend(str(TOOLS))
    return runpy.run_path(str(TOOLS / "mutants.py"), run_name="mutants")


def texts_of(mutants, folder, source):
    """Sources with one mutant each, by the line and the text that is put in."""
    (folder / "one.py").write_text(source)
    found = mutants["find_mutants"](["one.py"], folder)
    return {(each.line, each.new): mutants["apply"](source.encode(), each).decode() for each in found}


@pytest.mark.parametrize(
    ("line", "edits"),
    [
        ("x = a < b", {"<=", "pass"}),
        ("x = a - 2", {"+", "3", "0", "pass"}),
        ("x = a and not b", {"or", "(b)", "pass"}),
        ("x = min(a, b)", {"max", "pass"}),
        ("x = a[1:b]", {"", "2", "0", "pass"}),
        ("x = sorted(a, key=b)", {"", "pass"}),
        ("x = True", {"False", "pass"}),
        ("return a", {"None"}),
        ("for x in a: break", {"continue"}),
        ("if a: return b", {"(not (a))", "None"}),
        ("raise ValueError(f'{a + 1} of {b}')", set()),
        ("print(a + 1)", set()),
        ("open(a, encoding=b)", {"pass"}),
        ("list(zip(a, b, strict=True))", {"pass"}),
        ("import os", set()),
    ],
)
def test_edits_of_a_line(mutants, tmp_path, line, edits):
    source = f"def f(a, b):\n    {line}\n"
    found = texts_of(mutants, tmp_path, source)
    assert {new for _, new in found} == edits
    for text in found.values():
        compile(text, "one.py", "exec")
        assert text != source and text.count("\n") == source.count("\n")


def test_mutants_keep_their_names_and_place_in_the_sample_when_other_lines_move(mutants, tmp_path):
    names = []
    for text in (SOURCE, "import os\n\n\n" + SOURCE):
        (tmp_path / "one.py").write_text(text)
        found = mutants["find_mutants"](["one.py"], tmp_path)
        names.append([each.name for each in mutants["draw_sample"](found, 5, 0)])
    assert names[0] == names[1] and len(set(names[0])) == 5
    assert [each.name for each in mutants["draw_sample"](found, 5, 1)] != names[0]


@pytest.fixture
def repository(tmp_path):
    """A Git repository of one module, its tests, and a copy of the tool."""
    folder = tmp_path / "repository"
    for name in ("speechbrain_ext", "tests", "tools"):
        (folder / name).mkdir(parents=True)
    (folder / "speechbrain_ext/__init__.py").write_text("")
    (folder / "speechbrain_ext/tiny.py").write_text(SOURCE)
    (folder / "tests/test_tiny.py").write_text(TESTS)
    (folder / "pyproject.toml").write_text(SETTINGS)
    for name in ("mutation.py", "mutants.py", "mutation_plugin.py", "mutation_tables.py"):
        shutil.copy(TOOLS / name, folder / "tools")
    (folder / "tools/mutation_groups.yaml").write_text(GROUPS)
    (folder / "tools/mutation_reasons.yaml").write_text("")
    for words in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


def run(repository, *words, expected=0):
    """What the tool prints."""
    command = [sys.executable, "tools/mutation.py", "--work", str(repository.parent / "work"), *words]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True)
    assert done.returncode == expected, done.stdout + done.stderr
    return done.stdout + done.stderr


def rows_of(repository):
    lines = (repository.parent / "work/results.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def survived(rows):
    """Changed lines of the mutants that survived, the last row of each counts."""
    last = {row["mutant"]: row for row in rows}.values()
    return sorted(row["diff"].split("\n+")[-1].strip() for row in last if row["result"] == "survived")


@pytest.mark.slow
def test_what_is_not_guarded_survives_and_a_new_test_kills_it(repository):
    unseen = ["return None", "return value + 0", "return value + 2", "return value - 1"]
    assert run(repository, "--modules", "tiny").startswith("tiny: 12 mutants, 12 in the sample, 12 to run\n")
    rows = rows_of(repository)
    assert survived(rows) == sorted([*unseen, "return value >= 10"]) and len(rows) == 12
    assert {row["why"] for row in rows if row["result"] == "survived" and row["tests"] == 0} == {"not executed"}
    assert all(row["tests"] == 1 for row in rows if row["result"] == "killed")
    assert (repository / "speechbrain_ext/tiny.py").read_text() == SOURCE, "the checkout is never changed"
    tree = repository.parent / "work/tree"
    assert (tree / "speechbrain_ext/tiny.py").read_text() == SOURCE and not list(repository.rglob("*.pyc"))

    # A kill amid a mutant leaves the mutant in the copy, and no row of it.
    (tree / "speechbrain_ext/tiny.py").write_text("broken")
    results = repository.parent / "work/results.jsonl"
    results.write_text("".join(f"{json.dumps(row)}\n" for row in rows[:9]))
    assert "12 in the sample, 3 to run" in run(repository, "--modules", "tiny")
    assert [{**row, "seconds": 0} for row in rows_of(repository)] == [{**row, "seconds": 0} for row in rows]

    (repository / "tests/test_tiny.py").write_text(TESTS + BOUNDARY)
    again = run(repository, "--modules", "tiny", "--again", "survived", "--tests", "test_tiny.py")
    assert "12 in the sample, 5 to run" in again
    assert survived(rows_of(repository)) == unseen and len(rows_of(repository)) == 17

    (repository / "page.md").write_text(f"# Page\n\n{BEGIN}\n\nold\n\n{END}\nlast\n")
    name = next(row["mutant"] for row in rows if row["diff"].endswith("value - 1"))
    (repository / "tools/mutation_reasons.yaml").write_text(json.dumps({name: "it is not used"}))
    run(repository, "--markdown", "page.md")
    page = (repository / "page.md").read_text()
    assert "| tiny | 12 | 12 | 7 (58.3%) | 32.0 to 80.7 % | 8 (66.7%) | 39.1 to 86.2 % | 0 |" in page
    assert "| tiny.py:10 | `return value + 1` | `return value - 1` | no test executes it; it is not used |" in page
    assert page.count("not judged yet") == 3 and "old" not in page and page.endswith("\nlast\n")


@pytest.mark.slow
def test_tests_that_cannot_be_run_are_no_result(repository):
    (repository / "tests/test_tiny.py").write_text("import nothing_of_that_name\n")
    assert "the tests without a mutant were not run" in run(repository, "--modules", "tiny", expected=1)
    assert not (repository.parent / "work/results.jsonl").exists()


LAZY = """\
class Scale:
    factor = 3

    def of(self, value):
        return value * self.factor
"""
LAZY_TESTS = """\
def test_it_is_there():
    from speechbrain_ext.tiny import Scale

    assert Scale()


def test_it_is_large():
    from speechbrain_ext.tiny import Scale

    assert Scale().of(5) > 9


def test_it_is_three():
    from speechbrain_ext.tiny import Scale

    assert Scale().of(2) == 6
"""


@pytest.mark.slow
def test_what_an_import_does_is_executed_by_every_test_whichever_imports_first(repository):
    (repository / "speechbrain_ext/tiny.py").write_text(LAZY)
    (repository / "tests/test_tiny.py").write_text(LAZY_TESTS)
    run(repository, "--modules", "tiny")
    rows = [row for row in rows_of(repository) if "factor = 3" in row["diff"]]
    assert len(rows) > 1 and {row["tests"] for row in rows} == {3}
    assert survived(rows_of(repository)) == []


@pytest.mark.slow
def test_a_mutant_that_never_ends_is_stopped_and_counts_as_killed(repository):
    (repository / "speechbrain_ext/tiny.py").write_text(
        "def count(value):\n    while value > 0:\n        value -= 1\n    return value\n"
    )
    (repository / "tests/test_tiny.py").write_text(
        "from speechbrain_ext.tiny import count\n\n\ndef test_count():\n    assert count(3) == 0 and count(-1) == -1\n"
    )
    text = run(repository, "--modules", "tiny")
    rows = {row["diff"].split("\n+")[-1].strip(): row for row in rows_of(repository)}
    assert rows["value += 1"]["result"] == "timed out" and rows["value += 1"]["seconds"] > 9
    assert rows["value -= 2"]["result"] == "killed"
    ended = [row for row in rows.values() if row["result"] == "timed out"]
    assert f"| {len(ended)} |\n" in text, "the table counts them"
