"""The feature cache: indexes, values and facts that somebody damaged or put there."""

from __future__ import annotations

import json
import os

import numpy as np
from place import Place, case, clear_fault, done, refused

from speechbrain_ext.features.cache import FeatureCache
from speechbrain_ext.features.spectrogram import LogMel

KEY = "ab" * 32


def cache_of(place: Place) -> FeatureCache:
    """A cache of one entry: three frames of ones."""
    cache = FeatureCache(place.work / "cache", LogMel(n_mels=4))
    with cache.writer() as writer:
        writer.add(KEY, np.ones((3, 4), dtype=np.float32))
    return FeatureCache(place.work / "cache", LogMel(n_mels=4))


def index(cache: FeatureCache):
    return next(cache.folder.glob("index-*.jsonl"))


def data(cache: FeatureCache):
    return next(cache.folder.glob("data-*.f32"))


def damaged(cache: FeatureCache, place: Place):
    """The entry counts as missing, and can be stored again."""
    assert cache.verify() == [] or cache.missing([KEY]) == [KEY]
    with clear_fault("--stage 1"):
        cache.get(KEY)
    with cache.writer() as writer:
        writer.add(KEY, np.ones((3, 4), dtype=np.float32))
    again = FeatureCache(place.work / "cache", LogMel(n_mels=4))
    assert np.array_equal(again.get(KEY), np.ones((3, 4)))


@case("cache")
def an_index_of_impossible_places(place: Place):
    entry = json.loads(index(cache_of(place)).read_text())
    changes = [
        {"shape": [10**18, 4]}, {"shape": [10**30, 4]}, {"shape": [-3, 4]}, {"shape": [3, 5]}, {"shape": [0, 4]},
        {"shape": [True, 4]}, {"shape": "34"}, {"offset": -16}, {"offset": 2}, {"offset": 10**20}, {"offset": 0.0},
        {"offset": None}, {"crc32": "00000000"}, {"crc32": None},
    ]  # fmt: skip
    for number, change in enumerate(changes):
        os.rename(place.work / "cache", place.work / f"cache{number}")
        cache = cache_of(place)
        index(cache).write_text(json.dumps({**entry, **change}) + "\n")
        damaged(cache, place)


@case("cache")
def an_index_of_noise(place: Place):
    for number, noise in enumerate((os.urandom(5000), b"[" * 100_000, b"\0" * 1000, b'{"key": "\\ud800"}', b"")):
        cache = cache_of(place)
        index(cache).write_bytes(noise)
        damaged(cache, place)
        os.rename(place.work / "cache", place.work / f"cache{number}")


@case("cache")
def an_index_that_repeats_a_key_with_other_places(place: Place):
    cache = cache_of(place)
    line = index(cache).read_text()
    other = json.dumps({**json.loads(line), "crc32": "12345678"}) + "\n"
    index(cache).write_text(other + line + other)
    assert np.array_equal(cache.get(KEY), np.ones((3, 4)))


@case("cache")
def an_index_that_is_no_file(place: Place):
    for number, make in enumerate((os.mkfifo, os.mkdir, lambda path: os.symlink("/dev/zero", path))):
        cache = cache_of(place)
        path = index(cache)
        path.unlink()
        make(path)
        damaged(cache, place)
        os.rename(place.work / "cache", place.work / f"cache{number}")


@case("cache")
def values_that_are_no_file(place: Place):
    for number, make in enumerate((os.mkfifo, os.mkdir, lambda path: os.symlink("/dev/zero", path))):
        cache = cache_of(place)
        path = data(cache)
        path.unlink()
        make(path)
        damaged(cache, place)
        os.rename(place.work / "cache", place.work / f"cache{number}")


@case("cache")
def a_folder_of_another_feature(place: Place):
    cache, other = cache_of(place), FeatureCache(place.work / "other", LogMel(n_mels=4, f_min_hz=50.0))
    with other.writer() as writer:
        writer.add(KEY, np.zeros((3, 4), dtype=np.float32))
    for path in list(cache.folder.iterdir()):
        path.unlink()
    for path in other.folder.iterdir():
        os.rename(path, cache.folder / path.name)
    with clear_fault("feature.json", "another feature"):
        cache.get(KEY)
    with clear_fault("feature.json", "another feature"):
        cache.writer()


@case("cache")
def facts_of_a_feature_that_are_none(place: Place):
    for text in (
        "[]",
        "null",
        "3",
        '{"silence": ["x", "x", "x", "x"]}',
        '{"silence": [1e999, 0, 0, 0]}',
        "[" * 99_999,
        "",
    ):
        cache = cache_of(place)
        (cache.folder / "feature.json").write_text(text)
        with clear_fault("feature.json"):
            cache.silence()
        (cache.folder / "feature.json").unlink()
    (cache.folder / "feature.json").unlink(missing_ok=True)
    os.mkfifo(cache.folder / "feature.json")
    with clear_fault("feature.json"):
        cache.silence()


@case("cache")
def values_that_are_not_finite(place: Place):
    """An extractor's fault, or a hand: a network would learn nothing, or NaN."""
    cache = cache_of(place)
    for value in (np.nan, np.inf):
        with clear_fault("finite"), cache.writer() as writer:
            writer.add("cd" * 32, np.full((3, 4), value, dtype=np.float32))
    assert cache.missing(["cd" * 32]) == ["cd" * 32]


@case("cache")
def a_cache_that_is_a_file_or_cannot_be_written(place: Place):
    place.copy_scored()
    (place.work / "file").write_text("kept")
    for where in (place.work / "file", place.work / "file/below", "/proc/cache", "/dev/null", "/dev/full"):
        outcome = place.stage("extract", cache=where)
        refused(outcome)
        assert "SER_CACHE" in outcome.err or "--cache" in outcome.err, outcome.err
    assert (place.work / "file").read_text() == "kept"


@case("cache")
def a_variable_that_names_a_file(place: Place):
    place.copy_scored()
    (place.work / "file").write_text("kept")
    place.patch.setenv("SER_CACHE", str(place.work / "file"))
    outcome = place.stage("extract", cache=None)
    refused(outcome, "SER_CACHE")


@case("cache")
def a_cache_that_is_a_link(place: Place):
    place.copy_scored()
    os.rename(place.work / "cache", place.work / "far")
    (place.work / "cache").symlink_to("far")
    done(place.stage("extract"), "12 reused")
    done(place.stage("train", "--force"))


@case("cache")
def remains_that_only_look_like_a_dead_run(place: Place):
    """Sweeping removes what dead runs left, and what a link leads to stays."""
    cache = cache_of(place)
    (cache.folder / "data-feedfeedfeed.f32").symlink_to(place.victim / "precious.txt")
    (cache.folder / "notes.txt").write_text("mine")
    with cache.writer() as writer:
        writer.add("ef" * 32, np.ones((1, 4), dtype=np.float32))
    assert (cache.folder / "notes.txt").read_text() == "mine"
    assert np.array_equal(cache.get(KEY), np.ones((3, 4)))
