"""The store: round trips, damage, remains of dead runs, several writers."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import pickle

import numpy as np
import pytest

from speechbrain_ext.features import shards
from speechbrain_ext.features.cache import FeatureCache, entry_key
from speechbrain_ext.features.spectrogram import LogMel
from speechbrain_ext.utils.errors import UserError

FEATURE = LogMel(n_mels=5)


def frames_of(number: int) -> np.ndarray:
    """Random frames, a few more for each number."""
    return np.random.default_rng(number).normal(size=(3 + number, 5)).astype(np.float32)


def fill(root, numbers, feature=FEATURE) -> FeatureCache:
    """Write the frames of some numbers in one shard."""
    cache = FeatureCache(root, feature)
    with cache.writer() as writer:
        for number in numbers:
            writer.add(f"k{number}", frames_of(number))
    return cache


def only(folder, pattern):
    """The one file of a pattern."""
    (path,) = folder.glob(pattern)
    return path


def test_round_trip_in_another_instance(tmp_path):
    fill(tmp_path, range(4))
    cache = pickle.loads(pickle.dumps(FeatureCache(tmp_path, FEATURE)))
    assert cache.missing(["k9", "k0", "k9", "k3"]) == ["k9"]
    for number in range(4):
        frames = cache.get(f"k{number}")
        assert np.array_equal(frames, frames_of(number)) and not frames.flags.writeable
        assert not frames.flags.owndata
    assert cache.verify() == []


def test_the_folder_says_what_it_is(tmp_path):
    cache = fill(tmp_path, [0])
    about = json.loads((cache.folder / "feature.json").read_text())
    assert cache.folder == tmp_path / FEATURE.tag and cache.folder.name.startswith("logmel-")
    assert len(cache.folder.name) == len("logmel-") + 12
    assert about["name"] == "logmel" and about["params"] == FEATURE.params and about["library"].startswith("torchaudio")
    assert np.array_equal(np.array(about["silence"], dtype=np.float32), FEATURE.silence())
    assert np.array_equal(cache.silence(), FEATURE.silence())


def test_missing_entry_names_the_command(tmp_path):
    with pytest.raises(UserError, match=r"found none.*run\.sh --stage 1 --stop-stage 1"):
        FeatureCache(tmp_path, FEATURE).get("k0")


def test_two_extractors_do_not_mix(tmp_path):
    fill(tmp_path, [0])
    assert FeatureCache(tmp_path, LogMel(n_mels=5, hop_samples=200)).missing(["k0"]) == ["k0"]


@pytest.mark.parametrize("position", [0, 17, -1])
def test_flipped_byte_is_found_and_the_rest_stays(tmp_path, position):
    folder = fill(tmp_path, range(3)).folder
    path = only(folder, "data-*.f32")
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)
    damaged = "k2" if position < 0 else "k0"
    cache = FeatureCache(tmp_path, FEATURE)
    with pytest.raises(UserError, match="only a damaged one"):
        cache.get(damaged)
    assert cache.verify(["k0", "k1", "k2", "k9"]) == [damaged]
    assert cache.missing(["k0", "k1", "k2"]) == [damaged]
    fill(tmp_path, [int(damaged[1])])
    assert np.array_equal(cache.get(damaged), frames_of(int(damaged[1])))
    again = FeatureCache(tmp_path, FEATURE)
    assert again.verify() == [] and again.missing(["k0", "k1", "k2"]) == []
    assert np.array_equal(again.get(damaged), frames_of(int(damaged[1])))


def test_cut_off_file_loses_only_its_end(tmp_path):
    folder = fill(tmp_path, range(3)).folder
    path = only(folder, "data-*.f32")
    os.truncate(path, path.stat().st_size - 1)
    cache = FeatureCache(tmp_path, FEATURE)
    assert cache.verify() == ["k2"] and cache.missing(["k0", "k1", "k2"]) == ["k2"]
    path.unlink()
    assert sorted(FeatureCache(tmp_path, FEATURE).verify()) == ["k0", "k1", "k2"]


def test_damaged_line_of_an_index_is_a_missing_entry(tmp_path):
    folder = fill(tmp_path, range(3)).folder
    path = only(folder, "index-*.jsonl")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text(
        lines[0] + '{"key": "k1", "off\n' + '{"key": "k7", "offset": 2, "shape": [1, 5], "crc32": ""}\n' + lines[2]
    )
    cache = FeatureCache(tmp_path, FEATURE)
    assert cache.missing(["k0", "k1", "k2", "k7"]) == ["k1", "k7"] and cache.verify() == []


def test_values_without_an_index_do_not_count_and_are_swept(tmp_path):
    folder = fill(tmp_path, [0]).folder
    kept = only(folder, "data-*.f32")
    dead = folder / "data-dead.f32"
    dead.write_bytes(b"\0" * 400)
    part = folder / ".index-dead.jsonl.xyz.part"
    part.write_text("{")
    assert FeatureCache(tmp_path, FEATURE).missing(["k0", "k1"]) == ["k1"]
    assert shards.sweep(folder) == 2
    assert not dead.exists() and not part.exists() and kept.exists()


def test_a_living_writer_is_not_swept(tmp_path):
    cache = FeatureCache(tmp_path, FEATURE)
    with cache.writer() as writer:
        writer.add("k1", frames_of(1))
        fill(tmp_path, [1, 2])
        assert shards.data_path(cache.folder, writer.shard).exists()
    assert len(list(cache.folder.glob("index-*.jsonl"))) == 2
    assert cache.missing(["k1", "k2"]) == [] and np.array_equal(cache.get("k1"), frames_of(1))


def test_a_shard_swept_before_it_is_locked_is_made_anew(tmp_path, monkeypatch):
    taken = []
    lock = fcntl.flock

    def flock(stream, flags):
        if not taken:
            taken.append(stream.name)
            os.unlink(stream.name)
        lock(stream, flags)

    monkeypatch.setattr(fcntl, "flock", flock)
    with shards.ShardWriter(tmp_path) as writer:
        writer.add("k0", frames_of(0))
        assert str(shards.data_path(tmp_path, writer.shard)) != taken[0]
    assert [entry.key for entry in shards.read_index(only(tmp_path, "index-*.jsonl"), 5)] == ["k0"]


def test_entries_show_while_the_writer_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "FLUSH_ENTRIES", 2)
    reader = FeatureCache(tmp_path, FEATURE)
    with FeatureCache(tmp_path, FEATURE).writer() as writer:
        seen = []
        for number in range(5):
            writer.add(f"k{number}", frames_of(number))
            seen.append(len(reader.missing([f"k{number}" for number in range(5)])))
            for known in range(5 - seen[-1]):
                assert np.array_equal(reader.get(f"k{known}"), frames_of(known))
    assert seen == [5, 3, 3, 1, 1] and reader.missing(["k4"]) == []


def test_a_fault_amid_writing_keeps_what_was_added(tmp_path):
    cache = FeatureCache(tmp_path, FEATURE)
    with pytest.raises(KeyboardInterrupt), cache.writer() as writer:
        writer.add("k0", frames_of(0))
        raise KeyboardInterrupt
    assert cache.missing(["k0"]) == []


def test_an_empty_run_leaves_no_shard(tmp_path):
    assert list(fill(tmp_path, []).folder.glob("*-*")) == []


def test_full_disk_and_unwritable_folder_are_one_line(tmp_path, monkeypatch):
    cache = FeatureCache(tmp_path, FEATURE)

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch, pytest.raises(UserError, match="No space left.*free some space"):
        with cache.writer() as writer:
            writer.add("k0", frames_of(0))
            patch.setattr(os, "fsync", full)
    assert list(cache.folder.glob("data-*")) == [] and cache.missing(["k0"]) == ["k0"]
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="SER_CACHE"):
        FeatureCache(tmp_path / "file", FEATURE).writer()


def test_variants_have_keys_of_their_own():
    assert len({entry_key("ab"), entry_key("ab", "speed0.9"), entry_key("ab", "noise15db")}) == 3


def test_silence_is_the_extractor_s_until_a_folder_keeps_it_and_damage_is_refused(tmp_path):
    cache = FeatureCache(tmp_path, FEATURE)
    assert np.array_equal(cache.silence(), FEATURE.silence())
    about = fill(tmp_path, [0]).folder / "feature.json"
    assert cache.silence().dtype == np.float32
    for wrong in ([0.0] * 4, [0.0, 0.0, 0.0, 0.0, float("nan")], "quiet"):
        about.write_text(json.dumps({**json.loads(about.read_text()), "silence": wrong}))
        with pytest.raises(UserError, match="silence: expected 5 finite numbers"):
            cache.silence()


def test_a_folder_of_another_feature_is_refused_before_anything_is_read(tmp_path):
    about = fill(tmp_path, [0]).folder / "feature.json"
    about.write_text(about.read_text().replace("logmel", "mfcc"))
    with pytest.raises(UserError, match="found another feature"):
        FeatureCache(tmp_path, FEATURE).missing(["k0"])


def test_frames_of_another_precision_are_kept_as_float32(tmp_path):
    cache = FeatureCache(tmp_path, FEATURE)
    with cache.writer() as writer:
        writer.add("k0", frames_of(0).astype(np.float64))
        writer.add("k1", np.asfortranarray(frames_of(1)))
    assert cache.get("k0").dtype == np.float32
    assert np.array_equal(cache.get("k0"), frames_of(0)) and np.array_equal(cache.get("k1"), frames_of(1))


@pytest.mark.parametrize(("frames", "found"), [(1, True), (0, False), (-1, False)])
def test_an_entry_has_at_least_one_frame(tmp_path, frames, found):
    folder = fill(tmp_path, [0]).folder
    entry = json.loads(only(folder, "index-*.jsonl").read_text())
    crc32 = shards.checksum(frames_of(0)[:frames]) if found else "00000000"
    only(folder, "index-*.jsonl").write_text(json.dumps({**entry, "shape": [frames, 5], "crc32": crc32}) + "\n")
    cache = FeatureCache(tmp_path, FEATURE)
    assert cache.missing(["k0"]) == ([] if found else ["k0"])
    if found:
        assert np.array_equal(cache.get("k0"), frames_of(0)[:1])


def test_readers_of_any_age_give_the_same_copy(tmp_path):
    """Two runs may have computed a key with other rounding; one training must not mix the two copies."""
    cache = FeatureCache(tmp_path, FEATURE)

    def write(name, frames):
        with cache.writer() as writer:
            writer.add("k0", frames)
        for path in cache.folder.glob(f"*-{writer.shard}.*"):
            path.rename(path.with_name(path.name.replace(writer.shard, name)))

    write("bb", frames_of(1))
    early = FeatureCache(tmp_path, FEATURE)
    assert early.missing(["k0"]) == []
    write("aa", frames_of(2))
    assert early.missing(["k0"]) == []
    assert np.array_equal(early.get("k0"), FeatureCache(tmp_path, FEATURE).get("k0"))


def test_a_new_writer_removes_what_dead_runs_left(tmp_path):
    folder = fill(tmp_path, [0]).folder
    (folder / "data-dead.f32").write_bytes(b"\0" * 400)
    fill(tmp_path, [1])
    assert not (folder / "data-dead.f32").exists() and FeatureCache(tmp_path, FEATURE).verify() == []


def test_only_regular_files_are_swept(tmp_path):
    fifo = tmp_path / "data-pipe.f32"
    os.mkfifo(fifo)
    writer = os.open(fifo, os.O_RDWR)  # otherwise a reader would wait here
    try:
        assert shards.sweep(tmp_path) == 0 and fifo.exists()
    finally:
        os.close(writer)


def test_entries_show_at_the_latest_20_seconds_after_the_last_time(tmp_path, monkeypatch):
    now_s = [100.0]
    monkeypatch.setattr(shards.time, "monotonic", lambda: now_s[0])
    reader, seen = FeatureCache(tmp_path, FEATURE), []
    with FeatureCache(tmp_path, FEATURE).writer() as writer:
        for number, time_s in enumerate([119.0, 121.0, 122.0, 140.0, 142.0]):
            now_s[0] = time_s
            writer.add(f"k{number}", frames_of(number))
            seen.append(5 - len(reader.missing([f"k{known}" for known in range(5)])))
    assert seen == [0, 2, 2, 2, 5]
