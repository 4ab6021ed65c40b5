"""The pages for those who add a corpus or a system, followed word by word in a copy of the repository."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from recipe_runs import REPOSITORY, environment

FILE = re.compile(r"^`(?P<path>[^`\n]+)`:\n\n```\w+\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = re.compile(r"^```console\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def copy_of_the_repository(place):
    """All files that git knows, and new ones that it does not ignore, at `place`."""
    words = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (REPOSITORY / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, place / name)


def follow(page, place):
    """Write the page's files, none of which is there already, and run its commands; gives what they printed."""
    text = (REPOSITORY / "docs" / page).read_text(encoding="utf-8")
    files = {match["path"]: match["text"] for match in FILE.finditer(text)}
    for name, content in files.items():
        assert not (place / name).exists(), f"{name} is edited, not added"
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(content, encoding="utf-8")
    (commands,) = COMMANDS.findall(text)
    bin_folder = os.path.dirname(sys.executable)
    own = environment(place / "cache", PYTHONPATH=str(place), PATH=f"{bin_folder}{os.pathsep}{os.environ['PATH']}")
    for command in commands.splitlines():
        done = subprocess.run(command, shell=True, cwd=place, env=own, capture_output=True, text=True, timeout=1200)
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return files


def lines_of_code(text):
    return sum(bool(line.strip()) and not line.strip().startswith(("#", '"""')) for line in text.splitlines())


@pytest.fixture
def place(tmp_path):
    if not (REPOSITORY / ".git").exists():
        pytest.skip("this is no git checkout, so its files cannot be listed")
    copy_of_the_repository(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_a_corpus_is_added_as_the_page_says(place):
    files = follow("adding_a_corpus.md", place)
    assert sum(map(lines_of_code, files.values())) < 250
    (results,) = place.glob("recipes/Chatter/exp/Chatter-mini/svm/default/*/seed-1/results.json")
    found = json.loads(results.read_text())
    assert (found["corpus"], found["protocol"], found["pooled"]["n"]) == ("Chatter", "speaker", 72)
    assert found["pooled"]["uar"] > 0.5, "three classes"
    assert "[Chatter](Chatter/README.md)" in (place / "recipes/README.md").read_text()


@pytest.mark.slow
def test_a_system_is_added_as_the_page_says(place):
    files = follow("adding_a_system.md", place)
    assert sum(map(lines_of_code, files.values())) < 150
    results = place / "recipes/EmoDB/exp/EmoDB-mini/pooled_statistics/default/random5/seed-1/results.json"
    found = json.loads(results.read_text())
    assert found["system"] == "pooled_statistics" and found["pooled"]["uar"] > 2 / 7, "seven classes"
    (table,) = place.glob("recipes/EmoDB/exp/EmoDB-mini/tables/pooled_statistics_table1*.md")
    assert "16 units" in table.read_text() and "64 units" in table.read_text()
