"""docs/statistics.md: the example is what its command prints, from kept predictions of this repository."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from speechbrain_ext.bin.compare import main

ROOT = Path(__file__).resolve().parents[2]
PROMPT = "$ python -m speechbrain_ext.bin.compare "
# Stands for lines that the page leaves out.
LEFT_OUT = "  ..."


def test_the_example_of_the_page_is_what_its_command_prints(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    page = (ROOT / "docs/statistics.md").read_text(encoding="utf-8")
    [example] = [block for block in re.findall(r"^```text\n(.*?)^```", page, re.M | re.S) if block.startswith("$")]
    command, *shown = example.splitlines()
    assert command.startswith(PROMPT) and "A: " in example and shown.count(LEFT_OUT) == 1
    monkeypatch.chdir(ROOT)
    main(shlex.split(command.removeprefix(PROMPT)))
    printed = capsys.readouterr().out.splitlines()
    place = shown.index(LEFT_OUT)
    before, after = shown[:place], shown[place + 1 :]
    assert printed[: len(before)] == before
    assert printed[len(printed) - len(after) :] == after and len(printed) > len(shown)
