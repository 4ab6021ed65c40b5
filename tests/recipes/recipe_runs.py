"""Runs of the real run.sh on the mini corpus with a small, short AMSNet."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile

REPOSITORY = Path(__file__).resolve().parents[2]
SIZES = "--hidden_size 8 --channels [16,8,8] --reduction 4"
PROGRESS = re.compile(r"\d+%\|.*\| *\d+/\d+ \[")
SMALL = f"{SIZES} --epochs 6 --fusion_epochs 12 --checkpoint_epochs 2 --batch_size 64".split()


def environment(cache: Path, **more: str) -> dict[str, str]:
    """The user's environment with this interpreter's own, a cache of the tests, and no real corpus."""
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_ROOT") and name != "SER_CACHE"}
    prefix = str(Path(sys.executable).parent.parent)
    return {**kept, "VIRTUAL_ENV": prefix, "SER_CACHE": str(cache), **more}


def command(folder: Path, *words: str, recipe: str = "EmoDB", small: bool = True) -> list[str]:
    """A call of run.sh that writes below a folder."""
    options = ["--exp", str(folder / "exp"), "--data", str(folder / "data")]
    overrides = ["--tag", "small", *words, "--", *SMALL] if small else list(words)
    return ["bash", str(REPOSITORY / "recipes" / recipe / "run.sh"), *options, *overrides]


def run(
    folder: Path, *words: str, cache: Path | None = None, timeout: int = 900, **more
) -> subprocess.CompletedProcess:
    """Call run.sh and wait for its end."""
    return subprocess.run(
        command(folder, *words, **more),
        env=environment(cache or folder / "cache"),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=timeout,
    )


def only_error(done: subprocess.CompletedProcess) -> str:
    """The one line of the error, without the progress bars that a slow machine shows."""
    lines = [line for line in done.stderr.splitlines() if line.strip() and not PROGRESS.search(line)]
    assert "Traceback" not in done.stderr, done.stderr
    assert len(lines) == 1 and lines[0].startswith("error: "), done.stderr
    return lines[0]


def write_corpus(folder: Path, name: str) -> Path:
    """A CSV of that name with two speakers and two emotions."""
    lines = ["file,speaker,emotion"]
    for number in range(8):
        wav = f"{number}.wav"
        soundfile.write(folder / wav, 0.1 * np.random.default_rng(number).standard_normal(4000), 16000)
        lines.append(f"{wav},{('anna', 'ben')[number % 2]},{('sad', 'angry')[number // 2 % 2]}")
    (folder / name).write_text("\n".join(lines) + "\n")
    return folder / name
