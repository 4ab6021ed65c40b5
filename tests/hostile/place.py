"""Where an attack is made: a folder, a victim next to it, commands in this process, and a register of cases."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import soundfile

from speechbrain_ext.bin import main_guard
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import sha256_json

KINDS = ("names", "table", "audio", "labels", "folds", "cache", "training", "results", "options", "places", "signals")
LIMIT_S = 60
Case = Callable[["Place"], None]
CASES: dict[str, Case] = {}
SLOW: set[str] = set()


def case(kind: str, slow: bool = False) -> Callable[[Case], Case]:
    """Register an attack under its kind; its name is that of the function."""

    def register(function: Case) -> Case:
        assert kind in KINDS, kind
        name = f"{kind}-{function.__name__}"
        assert name not in CASES, name
        CASES[name] = function
        if slow:
            SLOW.add(name)
        return function

    return register


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str

    @property
    def last(self) -> str:
        return self.err.strip().splitlines()[-1] if self.err.strip() else ""


class Place:
    """A folder of an attack; nothing outside its folder `work` may change."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture, patch: pytest.MonkeyPatch, scored: Path) -> None:
        self.root, self.capsys, self.patch, self.scored = root, capsys, patch, scored
        self.work, self.victim = root / "work", root / "victim"
        self.work.mkdir()
        self.victim.mkdir()
        (self.victim / "precious.txt").write_text("kept")
        (self.victim / "folder").mkdir()
        (self.victim / "folder/more.wav").write_bytes(b"also kept")

    def call(self, module: str, *words: object) -> Outcome:
        """Run a command's main function in this process, as the command itself does."""
        main = import_module(f"speechbrain_ext.bin.{module}").main
        return self.guarded(partial(main, [str(word) for word in words]))

    def guarded(self, function: Callable[[], object]) -> Outcome:
        """Call a function under the guard of all commands; an exception that is no UserError is the test's failure."""
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        self.capsys.readouterr()
        status = 0
        try:
            main_guard.run(function)
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 0
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        said = self.capsys.readouterr()
        return Outcome(status, said.out, said.err)

    def prepare(self, root: Path, *words: object, corpus: str = "") -> Outcome:
        """Stage 0 of a corpus in `work`; a CSV is a corpus of its own."""
        name = corpus or (root.stem if root.suffix.lower() == ".csv" else "EmoDB")
        known = ["--corpus", name, "--corpus-root", root, "--data", self.work / "data", "--jobs", 1]
        return self.call("prepare", *known, *words)

    def copy_scored(self) -> Path:
        """A trained and scored experiment in `work`; gives its seed folder."""
        shutil.copytree(self.scored, self.work, dirs_exist_ok=True, symlinks=True)
        return next(self.work.glob("exp/*/*/*/*/seed-1"))

    def stage(self, module: str, *words: object, **changes: object) -> Outcome:
        """A stage of the experiment that `copy_scored` gives."""
        return self.call(module, *run_words(self.work, *words, **changes))


def run_words(work: Path, *words: object, **changes: object) -> list[object]:
    """The command line of a stage of the small experiment."""
    known = {
        "recipe": Path(__file__).resolve().parents[2] / "recipes/EmoDB",
        "system": "svm",
        "data": work / "data/EmoDB-real",
        "exp": work / "exp",
        "cache": work / "cache",
        "tag": "small",
        "protocol": "speaker",
        "device": "cpu",
        **changes,
    }
    options = [word for key, value in known.items() if value is not None for word in (f"--{key}", value)]
    return [*options, *words, "--", "--variant", "egemaps", "--classes", "[anger, neutral]", "--c_grid", "[0.01]"]


def refused(outcome: Outcome, *parts: str, status: int = 1) -> None:
    """Check that a command ended with one clear line of an error that names these parts."""
    said = f"status {outcome.status}\n{outcome.out[-1500:]}\n{outcome.err[-1500:]}"
    assert outcome.status == status, said
    assert outcome.last.startswith("error: ") and "Traceback" not in outcome.err, said
    assert outcome.err.count("error: ") == 1 and len(outcome.last) < 2000, said
    for part in parts:
        assert part in outcome.err, f"expected {part!r} in\n{said}"


def done(outcome: Outcome, *parts: str) -> None:
    """Check that a command ended well and said these parts."""
    said = f"status {outcome.status}\n{outcome.out[-1500:]}\n{outcome.err[-1500:]}"
    assert outcome.status == 0 and "Traceback" not in outcome.err, said
    for part in parts:
        assert part in outcome.out, f"expected {part!r} in\n{said}"


@contextmanager
def clear_fault(*parts: str):
    """Check that a library call raises a UserError of one line that names these parts."""
    with pytest.raises(UserError) as fault:
        yield
    assert "\n" not in str(fault.value) and len(str(fault.value)) < 2000, str(fault.value)
    for part in parts:
        assert part in str(fault.value), str(fault.value)


def reseal(path: Path, change: Callable[[dict], object]) -> None:
    """Edit a sealed file by hand, and seal it again, as somebody who knows the format can."""
    record = json.loads(path.read_text())
    record.pop("seal", None)
    change(record)
    path.write_text(json.dumps({**record, "seal": sha256_json(record)}))


def wav(path: Path, seed: int = 0, seconds: float = 0.1, **more: object) -> Path:
    """Write a short noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.random.default_rng(seed).uniform(-0.1, 0.1, round(16000 * seconds))
    soundfile.write(path, samples, 16000, **more)
    return path


def table(
    folder: Path, rows: list[str] | None = None, head: str = "file,speaker,emotion", name: str = "my.csv"
) -> Path:
    """Write a CSV corpus of eight short noises; `rows` stand behind its own."""
    lines = [head]
    for number in range(8):
        wav(folder / f"{number}.wav", number)
        own = [f"{number}.wav", "ab"[number % 2], ("sad", "angry")[number // 2 % 2]]
        lines.append(",".join(own + [""] * (head.count(",") - 2)))
    (folder / name).write_text("\n".join([*lines, *(rows or [])]) + "\n", encoding="utf-8")
    return folder / name


def emodb(folder: Path) -> Path:
    """Write a small tree of EmoDB: three speakers, two texts, anger and neutral."""
    names = [
        f"{speaker}{text}{letter}a" for speaker in ("03", "08", "09") for text in ("a01", "a02") for letter in "WN"
    ]
    for seed, name in enumerate(names):
        wav(folder / "wav" / f"{name}.wav", seed)
    return folder


def snapshot(root: Path, without: Path) -> dict[str, object]:
    """All below a folder but one of its folders: kind, rights, size, time and content."""
    found: dict[str, object] = {}
    for folder, names, files in os.walk(root):
        if Path(folder) == root:
            names[:] = [name for name in names if Path(folder, name) != without]
        for name in [*names, *files]:
            path = Path(folder, name)
            status = path.lstat()
            data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
            found[str(path.relative_to(root))] = (status.st_mode, status.st_mtime_ns, data)
    return found
