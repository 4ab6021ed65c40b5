"""Folders inside each other, links, rights, disks, clocks, locales and the environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from place import Place, case, done, emodb, refused, snapshot, table

REPOSITORY = Path(__file__).resolve().parents[2]
WORDS = ("--protocol", "speaker")


def alone(place: Place, module: str, *words: object, **environment: str) -> subprocess.CompletedProcess:
    """Run a command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", f"speechbrain_ext.bin.{module}", *map(str, words)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environment},
        cwd=place.work,
        capture_output=True,
        timeout=50,
    )


@case("places")
def data_inside_the_corpus(place: Place):
    root = emodb(place.work / "corpus")
    before = snapshot(root, root / "data")
    known = ["--corpus", "EmoDB", "--corpus-root", root, "--data", root / "data", "--jobs", 1, *WORDS]
    for _ in range(2):
        done(place.call("prepare", *known), "12 utterances")
    assert snapshot(root, root / "data") == before
    done(place.call("prepare", *known, "--force"), "12 utterances")


@case("places")
def data_and_experiments_in_one_folder(place: Place):
    place.copy_scored()
    data = place.work / "data"
    before = snapshot(data, data / "none")
    for stage in ("extract", "train", "evaluate"):
        done(place.stage(stage, exp=data))
    for path, found in before.items():
        if not os.path.isdir(data / path):
            assert snapshot(data, data / "none")[path] == found
    done(place.stage("train", "--force", exp=data))
    assert (data / "EmoDB-real/manifest.jsonl").exists()


@case("places")
def experiments_inside_the_corpus_or_its_data(place: Place):
    place.copy_scored()
    for exp in (place.work / "corpus", place.work / "corpus/wav", place.work / "data/EmoDB-real/folds"):
        done(place.stage("train", exp=exp))
        done(place.stage("evaluate", "--force", exp=exp))
    done(place.stage("train", "--force", exp=place.work / "corpus/wav"))
    assert len(list((place.work / "corpus/wav").glob("*.wav"))) == 12


@case("places")
def a_corpus_that_is_the_repository(place: Place):
    for corpus in ("EmoDB", "IEMOCAP", "MSP-IMPROV"):
        refused(place.prepare(REPOSITORY, *WORDS, corpus=corpus), str(REPOSITORY))


@case("places")
def folders_that_are_links(place: Place):
    place.copy_scored()
    for name in ("data", "exp", "cache", "corpus"):
        os.rename(place.work / name, place.work / f"far-{name}")
        (place.work / name).symlink_to(f"far-{name}")
    done(place.stage("extract"))
    done(place.stage("train", "--force"))
    done(place.stage("evaluate"))
    assert all((place.work / name).is_symlink() for name in ("data", "exp", "cache"))


@case("places")
def links_inside_an_experiment_that_lead_to_a_victim(place: Place):
    seed = place.copy_scored()
    for path in (seed / "fold-03", seed, seed.parents[1], seed.parents[3]):
        os.rename(path, place.work / "aside")
        path.symlink_to(place.victim / "folder")
        for stage in ("train", "evaluate"):
            outcome = place.stage(stage, "--force")
            refused(outcome)
        path.unlink()
        os.rename(place.work / "aside", path)
    done(place.stage("evaluate"))


@case("places")
def places_that_cannot_be_written(place: Place):
    place.copy_scored()
    (place.work / "file").write_text("kept")
    for exp in ("/proc/exp", "/dev/null", "/dev/full", "/sys/exp", place.work / "file", place.work / "file/deep"):
        for stage in ("train", "evaluate"):
            refused(place.stage(stage, exp=exp))
    for data in ("/proc/data", "/dev/null", "/sys/data", place.work / "file", place.work / "file/deep"):
        words = ["--corpus", "EmoDB", "--corpus-root", place.work / "corpus", "--data", data, *WORDS]
        refused(place.call("prepare", *words))
    assert (place.work / "file").read_text() == "kept"


@case("places")
def a_strict_umask(place: Place):
    os.umask(0o077)
    place.copy_scored()
    done(place.stage("train", "--force"))
    done(place.stage("evaluate"))
    results = next(place.work.rglob("results.json"))
    assert results.stat().st_mode & 0o777 == 0o600


@case("places")
def clocks_that_go_backwards(place: Place):
    root = emodb(place.work / "corpus")
    done(place.prepare(root, *WORDS))
    for when in (0, 1, 2**31 + 5, time.time() + 10**8):
        for path in root.rglob("*.wav"):
            os.utime(path, (when, when))
        done(place.prepare(root, *WORDS))
    place.patch.setattr(time, "time", lambda: 0.0)
    place.copy_scored()
    done(place.stage("train", "--force"))
    done(place.stage("evaluate"))


@case("places")
def a_plain_locale_and_other_character_sets(place: Place):
    rows = [f"{number}.wav,Zoë-😀,{word}" for number, word in ((8, "sad"), (9, "angry"))]
    path = table(place.work / "Größe", rows, name="größe.csv")
    for number in (8, 9):
        shutil.copy(path.parent / "0.wav", path.parent / f"{number}.wav")
        with open(path.parent / f"{number}.wav", "r+b") as stream:
            stream.seek(100 + number)
            stream.write(b"\1\2\3")
    words = ["--corpus", "größe", "--corpus-root", path, "--data", place.work / "data", "--jobs", 1, *WORDS]
    for environment in (
        {"LC_ALL": "C"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
        {"TZ": "Pacific/Kiritimati", "LANG": "tr_TR.UTF-8"},
    ):
        ended = alone(place, "prepare", *words, "--force", **environment)
        assert ended.returncode == 0 and b"Traceback" not in ended.stderr, (environment, ended.stderr[-800:])
    ended = alone(place, "prepare", *words, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert ended.returncode == 2 and b"LC_ALL=C.UTF-8" in ended.stderr and b"Traceback" not in ended.stderr


@case("places")
def strange_variables_of_the_environment(place: Place):
    root = emodb(place.work / "corpus")
    words = ["--corpus", "EmoDB", "--corpus-root", root, "--data", place.work / "data", *WORDS]
    for environment in (
        {"OMP_NUM_THREADS": "0"}, {"OMP_NUM_THREADS": "many"}, {"TMPDIR": "/nowhere"}, {"HOME": "/nowhere"},
        {"HF_HOME": "/proc"}, {"SER_PARENT": str(os.getpid())}, {"COLUMNS": "1"}, {"PATH": ""},
    ):  # fmt: skip
        ended = alone(place, "prepare", *words, **environment)
        assert ended.returncode == 0 and b"Traceback" not in ended.stderr, (environment, ended.stderr[-800:])
    ended = alone(place, "prepare", *words, SER_PARENT="x")
    assert ended.returncode == 2 and b"Traceback" not in ended.stderr and b"SER_PARENT" in ended.stderr


@case("places")
def a_reader_that_goes_away(place: Place):
    """`prepare | head -1` ends in silence."""
    root = emodb(place.work / "corpus")
    words = ["--corpus", "EmoDB", "--corpus-root", root, "--data", place.work / "data", *WORDS]
    command = " ".join(map(str, [sys.executable, "-m", "speechbrain_ext.bin.prepare", *words]))
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    ended = subprocess.run(f"{command} | head -c 1", shell=True, env=environment, capture_output=True, timeout=50)
    assert b"Traceback" not in ended.stderr and b"Exception" not in ended.stderr, ended.stderr


@case("places", slow=True)
def a_full_disk_for_cache_data_and_experiments(place: Place):
    import pytest

    full = place.work / "full"
    full.mkdir()
    place.copy_scored()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", full], capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here (needs root)")
    try:
        with open(full / "rest", "wb") as stream:
            try:
                while True:
                    stream.write(bytes(512))
                    stream.flush()
            except OSError:
                pass
    except OSError:
        pass
    try:
        refused(place.stage("train", exp=full / "exp"), "full")
        refused(place.stage("extract", cache=full / "cache"), "full")
        words = ["--corpus", "EmoDB", "--corpus-root", place.work / "corpus", "--data", full / "data", *WORDS]
        refused(place.call("prepare", *words), "full")
        (full / "rest").unlink()
        done(place.call("prepare", *words))
    finally:
        subprocess.run(["umount", "-l", full], check=True)
