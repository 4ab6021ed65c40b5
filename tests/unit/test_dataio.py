"""From cached frames to batches: cut, filled, normalised, in a seeded order."""

from __future__ import annotations

import weakref
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.preprocessing import StandardScaler

from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.dataio.collate import collate
from speechbrain_ext.dataio.dataset import FeatureSource, VariantChooser, make_dataset, speaker_statistics
from speechbrain_ext.dataio.samplers import ShardSampler, training_sampler
from speechbrain_ext.dataio.statistics import RunningStatistics, statistics


class Frames(dict):
    """A cache that is a dictionary."""

    def get(self, key):
        return self[key]


def utterance(name: str, speaker: str = "03", label: str = "anger") -> Utterance:
    return Utterance(id=name, corpus="EmoDB", wav=f"{name}.wav", sha256=f"hash-{name}", speaker=speaker, label=label)


def source(lengths: dict[str, int], max_frames: int = 5, silence=None) -> FeatureSource:
    random = np.random.default_rng(0)
    frames = Frames({f"hash-{name}": random.normal(3, 2, (n, 4)).astype("f4") for name, n in lengths.items()})
    frames |= {f"{key}+speed0.9": value + 100 for key, value in frames.items()}
    return FeatureSource("lld", Frames(frames), max_frames, silence)


def test_statistics_are_those_of_scikit_learn():
    random = np.random.default_rng(1)
    arrays = [random.normal(5, 3, (n, 4)).astype("f4") for n in (7, 2, 30)]
    scaler = StandardScaler().fit(np.concatenate(arrays).astype("f8"))
    mean, deviation = statistics(arrays)
    np.testing.assert_allclose(mean, scaler.mean_, rtol=1e-12)
    np.testing.assert_allclose(deviation, scaler.scale_, rtol=1e-12)


@pytest.mark.parametrize("offset", [0.0, 1.0, -3e4])
def test_statistics_read_one_array_at_a_time_equal_those_of_all_frames_together(offset):
    random = np.random.default_rng(2)
    sizes = [1, 0, *random.integers(1, 300, size=700).tolist()]
    arrays = [(random.normal(0, 2, (n, 3)) * [1.0, 1e-3, 50.0] + offset).astype("f4") for n in sizes]
    together = np.concatenate(arrays).astype("f8")
    mean, deviation = statistics(iter(arrays))
    scale = np.maximum(np.abs(together.mean(0)), together.std(0))
    assert np.abs(mean - together.mean(0)).max() <= 1e-12 * scale.min()
    np.testing.assert_allclose(deviation, together.std(0), rtol=1e-12)
    whole = statistics([together])
    assert np.array_equal(whole[0], together.mean(0)) and np.array_equal(whole[1], together.std(0))


def test_statistics_keep_no_frame(monkeypatch):
    """What is held while arrays are read does not grow with their number."""
    monkeypatch.setattr(np, "concatenate", lambda *_, **__: pytest.fail("all frames are held at once"))
    running, alive = RunningStatistics(), []
    for number in range(20):
        array = np.full((5, 2), number, dtype="f8")
        alive.append(weakref.ref(array))
        running.add(array)
        del array
        assert not any(reference() is not None for reference in alive)
    assert running.result()[0].tolist() == [9.5, 9.5]
    with pytest.raises(ValueError, match="expected at least one frame"):
        RunningStatistics().result()


def test_long_ones_are_cut_and_short_ones_filled_with_silence_only_when_asked_for():
    lengths = {"a": 3, "b": 9}
    plain, filled = source(lengths), source(lengths, silence=np.full(4, -7.0))
    assert plain.item(utterance("a")).shape == (3, 4) and plain.item(utterance("b")).shape == (5, 4)
    item = filled.item(utterance("a"))
    assert item.shape == (5, 4)
    assert torch.equal(item[:3], plain.item(utterance("a"))) and torch.all(item[3:] == -7.0)


def test_speakers_are_normalised_each_by_its_own():
    lengths = {"a": 5, "b": 4, "c": 5}
    people = [utterance("a"), utterance("b"), utterance("c", "08")]
    one = source(lengths)
    one.speaker_statistics = speaker_statistics(source(lengths), people)
    first = np.concatenate([one.frames(people[0]), one.frames(people[1])])
    np.testing.assert_allclose(first.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(first.std(0), 1, atol=1e-5)
    np.testing.assert_allclose(one.frames(people[2]).mean(0), 0, atol=1e-6)


def test_dataset_gives_targets_variants_and_embeddings():
    lengths = {"a": 3, "b": 9}
    people = [utterance("b", label="neutral"), utterance("a")]
    vectors = {"frlm": {"a": torch.ones(2), "b": torch.zeros(2)}}
    dataset = make_dataset(people, Task(("anger", "neutral")), [source(lengths)], vectors, lambda name: "speed0.9")
    batch = collate([dataset[0], dataset[1]])
    assert batch.ids == ["b", "a"] and batch.targets.tolist() == [1, 0] and batch.shares.tolist() == [[0, 1], [1, 0]]
    assert batch.features["lld"].shape == (2, 5, 4) and batch.lengths["lld"].tolist() == [5, 3]
    assert torch.all(batch.features["lld"][1, 3:] == 0) and batch.features["lld"][0].min() > 50
    assert batch.features["frlm"].tolist() == [[0, 0], [1, 1]] and "frlm" not in batch.lengths


def test_with_dimensions_shares_are_values_and_there_is_no_class():
    people = [replace(utterance(name), vad=vad) for name, vad in (("a", [1.5, 4.0, 2.0]), ("b", [2.5, 3.0, 5.0]))]
    dataset = make_dataset(people, Task(dimensions=("dominance", "valence")), [source({"a": 3, "b": 9})])
    batch = collate([dataset[0], dataset[1]])
    assert batch.shares.tolist() == [[2.0, 1.5], [5.0, 2.5]] and batch.targets.tolist() == [0, 0]


def test_variants_follow_their_share_and_change_with_the_epoch_only():
    chooser = VariantChooser(["speed0.9", "speed1.1"], 0.5, seed=1)
    names = [f"u{n}" for n in range(4000)]
    drawn = Counter(chooser(name) for name in names)
    assert drawn[""] == pytest.approx(2000, abs=150) and drawn["speed0.9"] == pytest.approx(1000, abs=150)
    first = [chooser(name) for name in names]
    assert [chooser(name) for name in names] == first
    chooser.epoch = 1
    assert [chooser(name) for name in names] != first
    assert set(map(VariantChooser([], 0.5, 1), names)) == {""}


def test_shards_cover_each_index_once():
    for size in (1, 7, 8):
        shards = [list(ShardSampler(size, rank, 3)) for rank in range(3)]
        assert sorted(index for shard in shards for index in shard) == list(range(size))


def test_order_is_seeded_by_epoch_and_balanced_when_asked_for():
    targets = [0] * 90 + [1] * 10
    sampler = training_sampler(targets, seed=3, balanced=False)
    first = list(sampler)
    sampler.set_epoch(2)
    second = list(sampler)
    assert sorted(first) == sorted(second) == list(range(100)) and first != second
    again = training_sampler(targets, seed=3, balanced=False)
    again.set_epoch(2)
    assert list(again) == second
    balanced = training_sampler(targets * 20, seed=3, balanced=True)
    share = np.mean([(targets * 20)[index] for index in balanced])
    assert share == pytest.approx(0.5, abs=0.05)
