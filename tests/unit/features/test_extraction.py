"""Filling the cache: once, in parallel, after faults and after kills."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from speechbrain_ext.features.cache import FeatureCache
from speechbrain_ext.features.extraction import AudioItem, extract
from speechbrain_ext.features.lld import LowLevelDescriptors
from speechbrain_ext.features.spectrogram import LogMel
from speechbrain_ext.utils.errors import UserError

FEATURE = LogMel(n_mels=8)


def read(path: str) -> np.ndarray:
    """Read samples kept by numpy."""
    return np.load(path)


def items_of(folder: Path, count: int, variant: str | None = None) -> list[AudioItem]:
    """Signals on disk, the longer the later, and the items that read them."""
    items = []
    for number in range(count):
        path = folder / f"{number:03}.npy"
        np.save(path, np.random.default_rng(number).normal(0, 0.1, 2000 + 100 * number).astype(np.float32))
        items.append(AudioItem(f"sha{number:03}", str(path), functools.partial(read, str(path)), variant))
    return items


def shard_bytes(cache: FeatureCache) -> list[bytes]:
    """Contents of the values' files and indexes."""
    return sorted(path.read_bytes() for path in cache.folder.glob("*-*"))


def test_second_run_computes_nothing(tmp_path, monkeypatch):
    items = items_of(tmp_path, 5)
    cache = FeatureCache(tmp_path / "cache", FEATURE)
    assert extract(cache, [*items, items[0]], progress=False) == {"computed": 5, "reused": 0, "redone": 0}
    for item in items:
        assert np.array_equal(cache.get(item.key), FEATURE(item.read()))
    before = shard_bytes(cache)

    def refuse(self, samples):
        raise AssertionError("computed again")

    monkeypatch.setattr(LogMel, "compute", refuse)
    again = FeatureCache(tmp_path / "cache", FEATURE)
    assert extract(again, items, progress=False) == {"computed": 0, "reused": 5, "redone": 0}
    assert shard_bytes(again) == before


def test_damage_is_redone_and_only_that(tmp_path):
    items = items_of(tmp_path, 4)
    cache = FeatureCache(tmp_path / "cache", FEATURE)
    extract(cache, items[:3], progress=False)
    (path,) = cache.folder.glob("data-*")
    data = bytearray(path.read_bytes())
    data[5] ^= 64
    path.write_bytes(data[:-8])
    again = FeatureCache(tmp_path / "cache", FEATURE)
    assert extract(again, items, progress=False) == {"computed": 1, "reused": 1, "redone": 2}
    for item in items:
        assert np.array_equal(FeatureCache(tmp_path / "cache", FEATURE).get(item.key), FEATURE(item.read()))
    assert extract(again, items, progress=False) == {"computed": 0, "reused": 4, "redone": 0}


def test_variants_are_extracted_beside_the_original(tmp_path):
    (plain,), (slow,) = items_of(tmp_path, 1), items_of(tmp_path, 1, "speed0.5")
    cache = FeatureCache(tmp_path / "cache", FEATURE)
    assert extract(cache, [plain, slow], progress=False)["computed"] == 2
    assert (len(cache.get(plain.key)), len(cache.get(slow.key))) == (6, 11)


def test_faults_are_collected_and_the_rest_is_kept(tmp_path):
    items = items_of(tmp_path, 6)
    np.save(tmp_path / "001.npy", np.array([0, np.nan], dtype=np.float32))
    os.unlink(tmp_path / "004.npy")
    cache = FeatureCache(tmp_path / "cache", FEATURE)
    with pytest.raises(UserError) as told:
        extract(cache, items, progress=False)
    line = str(told.value)
    assert "2 of 6" in line and "001.npy" in line and "004.npy" in line and "NaN" in line and "\n" not in line
    assert cache.missing(item.key for item in items) == ["sha001", "sha004"]


def test_a_short_signal_is_named(tmp_path):
    pytest.importorskip("opensmile", reason="openSMILE is an extra")
    np.save(tmp_path / "short.npy", np.zeros(500, dtype=np.float32))
    item = AudioItem("a", "short.wav", functools.partial(read, str(tmp_path / "short.npy")))
    with pytest.raises(UserError, match=r"short\.wav: expected at least 0\.07 s of audio for lld, found 0\.031 s"):
        extract(FeatureCache(tmp_path / "cache", LowLevelDescriptors()), [item], progress=False)


@pytest.mark.slow
@pytest.mark.parametrize("variant", [None, "noise10db"])
def test_parallel_equals_serial_byte_for_byte(tmp_path, variant):
    items = items_of(tmp_path, 14, variant)
    np.save(tmp_path / "007.npy", np.array([np.nan], dtype=np.float32))
    serial, parallel = (FeatureCache(tmp_path / name, FEATURE) for name in ("serial", "parallel"))
    for cache, jobs in ((serial, 1), (parallel, 2)):
        with pytest.raises(UserError, match="1 of 14"):
            extract(cache, items, jobs=jobs, progress=False)
    assert shard_bytes(serial) == shard_bytes(parallel) and len(shard_bytes(serial)) == 2
    assert parallel.missing(item.key for item in items) == [items[7].key]


SLOW_RUN = """
    import functools, os, sys, time
    from pathlib import Path
    import numpy as np
    from speechbrain_ext.features import shards
    from speechbrain_ext.features.cache import FeatureCache
    from speechbrain_ext.features.extraction import AudioItem, extract
    from speechbrain_ext.features.extractor import Extractor

    class Slow(Extractor):
        name, version, dim, hop_s, library, columns = "slow", 1, 2, 0.01, "none", ["a", "b"]
        def compute(self, signal):
            time.sleep(0.05)
            return signal.reshape(-1, 2)
        def silence(self):
            return np.zeros(2, dtype=np.float32)

    def read(number, folder):
        (Path(folder) / f"worker-{os.getpid()}").touch()
        if number == 77 and os.environ.get("DIE"):
            os._exit(9)
        if number >= 40 and os.environ.get("HOLD"):
            time.sleep(60)
        return np.full(20, number, dtype=np.float32)

    if __name__ == "__main__":
        folder, jobs = sys.argv[1], int(sys.argv[2])
        shards.FLUSH_ENTRIES = 5
        items = [AudioItem(f"k{i}", str(i), functools.partial(read, i, folder)) for i in range(120)]
        cache = FeatureCache(Path(folder) / "cache", Slow())
        print(sorted(extract(cache, items, jobs=jobs, progress=False).items()))
        assert all((cache.get(f"k{i}") == i).all() for i in range(120))
"""


def start(tmp_path: Path, jobs: int, **env: str) -> subprocess.Popen[str]:
    """Start the slow run in its own process group."""
    script = tmp_path / "slow_run.py"
    script.write_text(textwrap.dedent(SLOW_RUN))
    command = [sys.executable, str(script), str(tmp_path), str(jobs)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, text=True, start_new_session=True, env={**os.environ, **env}, **pipes)


def wait_until(holds, limit_s: float = 120.0) -> None:
    """Wait for something to hold, at the most for a time no machine needs."""
    end_s = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < end_s, "waited in vain"
        time.sleep(0.02)


def alive(process: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_stopped_at_any_moment_and_run_again(tmp_path, how):
    # Held, so that it cannot end before it is stopped.
    run = start(tmp_path, 2, HOLD="1")
    wait_until(lambda: list(tmp_path.glob("cache/*/index-*.jsonl")))
    if how == signal.SIGINT:
        os.killpg(run.pid, how)
    else:
        run.kill()
    _, told = run.communicate()
    assert run.returncode != 0
    assert "Process SpawnProcess" not in told and told.count("Traceback") <= 1
    workers = [int(path.name.removeprefix("worker-")) for path in tmp_path.glob("worker-*")]
    assert workers and run.pid not in workers
    wait_until(lambda: not any(alive(worker) for worker in workers))
    again = start(tmp_path, 1)
    out, told = again.communicate()
    assert again.returncode == 0, told
    counts = dict(eval(out))
    assert counts["reused"] >= 5 and counts["redone"] == 0 and counts["computed"] + counts["reused"] == 120
    assert len(list(tmp_path.glob("cache/*/data-*"))) == len(list(tmp_path.glob("cache/*/index-*"))) == 2


@pytest.mark.slow
def test_two_runs_at_once_share_the_cache(tmp_path):
    runs = [start(tmp_path, 1), start(tmp_path, 2)]
    for run in runs:
        _, told = run.communicate()
        assert run.returncode == 0, told
    out, _ = start(tmp_path, 1).communicate()
    assert dict(eval(out))["reused"] == 120


@pytest.mark.slow
def test_a_dying_worker_is_told_and_what_was_done_is_kept(tmp_path):
    run = start(tmp_path, 2, DIE="1")
    _, told = run.communicate()
    assert run.returncode == 1 and "a worker process ended unexpectedly" in told.splitlines()[-1]
    assert len(list(tmp_path.glob("cache/*/index-*.jsonl"))) == 1
