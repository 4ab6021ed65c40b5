"""Signals at bad moments, and two commands at the same time, in processes of their own."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from place import Place, case, done, emodb, run_words

REPOSITORY = Path(__file__).resolve().parents[2]


def start(place: Place, module: str, *words: object) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", f"speechbrain_ext.bin.{module}", *map(str, words)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        cwd=place.work,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def killed_at_many_moments(
    place: Place, number: int, module: str, *words: object, tries: int = 8, most_s: float
) -> None:
    moments = random.Random(1)
    for _ in range(tries):
        process = start(place, module, *words)
        time.sleep(moments.uniform(0.05, most_s))
        process.send_signal(number)
        _, messages = process.communicate(timeout=50)
        # A signal while the interpreter itself starts or ends is answered by it.
        if process.returncode == 130:
            assert messages.splitlines()[-1].startswith("error: interrupted"), messages


@case("signals", slow=True)
def stage_0_is_killed(place: Place):
    root = emodb(place.work / "corpus")
    words = [
        "--corpus",
        "EmoDB",
        "--corpus-root",
        root,
        "--data",
        place.work / "data",
        "--protocol",
        "speaker",
        "--force",
    ]
    killed_at_many_moments(place, signal.SIGKILL, "prepare", *words, most_s=2.0)
    done(place.call("prepare", *words))
    done(place.call("prepare", *words[:-1]), "nothing to do")


@case("signals", slow=True)
def stage_0_is_terminated(place: Place):
    root = emodb(place.work / "corpus")
    words = [
        "--corpus",
        "EmoDB",
        "--corpus-root",
        root,
        "--data",
        place.work / "data",
        "--protocol",
        "speaker",
        "--force",
    ]
    killed_at_many_moments(place, signal.SIGTERM, "prepare", *words, most_s=2.0)
    done(place.call("prepare", *words[:-1]))


@case("signals", slow=True)
def stage_4_is_killed(place: Place):
    """The page of before stays until the new one is complete."""
    place.copy_scored()
    words = ["page", "--exp", place.work / "exp/EmoDB-real", "--out", place.work / "report.html"]
    # In a process of its own, as those that are killed: this one draws stand-ins for pictures.
    assert start(place, "report", *words).wait(timeout=50) == 0
    before = (place.work / "report.html").read_bytes()
    killed_at_many_moments(place, signal.SIGKILL, "report", *words, tries=4, most_s=8.0)
    assert (place.work / "report.html").read_bytes() == before
    done(place.call("report", *words))


@case("signals", slow=True)
def stage_3_is_killed(place: Place):
    """Results and predictions in a folder always belong together."""
    place.copy_scored()
    words = run_words(place.work, "--force")
    killed_at_many_moments(place, signal.SIGKILL, "evaluate", *words, tries=4, most_s=12.0)
    done(place.stage("evaluate"))
    done(place.call("report", "page", "--exp", place.work / "exp/EmoDB-real", "--out", place.work / "r.html"))


@case("signals", slow=True)
def two_commands_that_redo_the_same(place: Place):
    place.copy_scored()
    words = run_words(place.work, "--force")
    both = [start(place, "train", *words) for _ in range(2)]
    messages = [process.communicate(timeout=55)[1] for process in both]
    assert 0 in [process.returncode for process in both], messages
    for process, said in zip(both, messages, strict=True):
        assert process.returncode == 0 or "is in use by process" in said.splitlines()[-1], said
    done(place.stage("evaluate"))
