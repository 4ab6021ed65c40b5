"""AM-ResNet and its fusion as training steps: silent segments, and frames for the second stage."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from am_resnet_runs import FOLD, SEGMENT, first_stage_of, make_run
from tiny_ssl import write_tiny

from speechbrain_ext.features.madd_waveform import MaddWaveform
from speechbrain_ext.training.experiment import Experiment
from speechbrain_ext.training.fold import phases_of, predict_fold, train_fold
from speechbrain_ext.utils.errors import UserError


@pytest.fixture(scope="module")
def spec(tmp_path_factory, repository):
    model = write_tiny(tmp_path_factory.mktemp("model") / "tiny")
    made = make_run(tmp_path_factory.mktemp("am_resnet"), repository, model)
    train_fold(made, FOLD)
    return made


def names_of(step, part: str, training: bool) -> list[str]:
    dataset = step._dataset(sorted(step.experiment.fold(FOLD).part(part)), training=training)
    return [item["id"] for item in dataset]


def test_segments_without_a_valid_frame_are_not_trained_on(spec):
    for step in phases_of(Experiment(spec), FOLD):
        trained = names_of(step, "train", training=True)
        expected = [f"{speaker}-{number}#0" for speaker in ("03", "09") for number in (2, 3, 4, 5, 6)]
        expected += [f"{speaker}-0#{place}" for speaker in ("03", "09") for place in (0, 2)]
        assert sorted(trained) == sorted(expected), step.name
        # 14 segments in batches of 8, for 2 epochs; with the silent utterances' there would be a third batch
        assert step.done.optimizer_steps == 2 * 2, step.name


def test_segments_without_a_valid_frame_carry_no_weight_in_the_mean(spec, repository):
    """The utterance's posteriors are the mean of those of its two segments that sound."""
    for run in (first_stage_of(spec, repository), spec):
        train_fold(run, FOLD)
        step = phases_of(Experiment(run), FOLD)[-1]
        merged = {output.id: output for output in predict_fold(run, FOLD).test}
        assert sorted(merged) == sorted(step.experiment.fold(FOLD).test), "each utterance has a score"
        brain = step._trained(step.trained)
        brain.hparams = replace(brain.hparams, segments=False)
        segments = {output.id: np.exp(output.predicted) for output in brain.run(step._dataset([f"{FOLD}-0"]))}
        assert sorted(segments) == [f"{FOLD}-0#0", f"{FOLD}-0#2"]
        mean = (segments[f"{FOLD}-0#0"] + segments[f"{FOLD}-0#2"]) / 2
        assert np.exp(merged[f"{FOLD}-0"].predicted) == pytest.approx(mean, rel=1e-6)
        assert names_of(step, "test", training=False).count(f"{FOLD}-1#0") == 1, "silent throughout, yet scored"


def test_each_segment_is_the_part_of_the_signal_that_its_name_says(spec):
    step = phases_of(Experiment(spec), FOLD)[0]
    items = {item["id"]: item["features"]["waveform"] for item in step._dataset(["03-0"], training=True)}
    samples = torch.from_numpy(np.array(step.sources[0].cache.get("03-0")))
    assert torch.equal(items["03-0#0"], samples[:SEGMENT])
    assert torch.equal(items["03-0#2"], samples[2 * SEGMENT :]), "the place is not moved up by what is left out"


def test_a_key_keeps_silent_segments(spec, repository):
    step = phases_of(Experiment(first_stage_of(spec, repository, silent_segments="keep")), FOLD)[0]
    assert len(names_of(step, "train", training=True)) == 2 * (3 + 2 + 5)
    with pytest.raises(UserError, match="silent_segments: expected one of leave_out, keep, found 'drop'"):
        phases_of(Experiment(first_stage_of(spec, repository, silent_segments="drop")), FOLD)


def test_a_feature_that_marks_no_silence_cannot_leave_it_out(spec, repository, monkeypatch):
    run = first_stage_of(spec, repository)
    train_fold(run, FOLD)
    monkeypatch.setattr(MaddWaveform, "zero_is_silence", False)
    # Found before any phase is trained, and also where none is left to be trained.
    with pytest.raises(UserError, match="silent_segments: expected keep, as the feature waveform marks no silence"):
        train_fold(run, FOLD)


@pytest.mark.parametrize("batch_size", ["8", "3"])
def test_frames_of_the_second_stage_are_those_of_the_frozen_network_in_evaluation_mode(spec, batch_size):
    """Each segment alone through the trained weights by running statistics; batch mates change nothing."""
    step = phases_of(Experiment(spec), FOLD)[0]
    network = step.network()
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    step.built["batch_size"] = int(batch_size)
    ids = sorted(step.experiment.fold(FOLD).train)
    frames = step.frames(ids, training=True)
    assert len(frames) == 14
    for item in step._dataset(ids, training=True):
        x = item["features"]["waveform"]
        with torch.no_grad():
            alone = network({"waveform": x[None]}, {"waveform": torch.tensor([len(x)])})
        count = int(alone["frame_lengths"][0])
        torch.testing.assert_close(frames[item["id"]], alone["frames"][0, :count], rtol=1e-4, atol=1e-5)
    # the weights that the second stage finds later are those of the checkpoint
    after = dict(step.network().named_buffers())
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_the_second_stage_is_trained_on_those_very_frames(spec):
    first, second = phases_of(Experiment(spec), FOLD)
    ids = sorted(second.experiment.fold(FOLD).train)
    frames = first.frames(ids, training=True)
    for item in second._dataset(ids, training=True):
        assert torch.equal(item["features"]["am_resnet"], frames[item["id"]])
        assert len(item["features"]["w2v2"]) == len(frames[item["id"]])


def test_the_second_stage_leaves_the_first_as_it_was(spec):
    first, second = phases_of(Experiment(spec), FOLD)
    checkpoint = first.folder / "save" / first.done.checkpoint / "model.ckpt"
    before = checkpoint.read_bytes()
    other = replace(spec, row="again", seed=2)
    train_fold(other, FOLD)
    assert checkpoint.read_bytes() == before
    state = torch.load(second.folder / "save" / second.done.checkpoint / "model.ckpt", weights_only=True)
    assert not any("stem" in name or "blocks" in name for name in state), "the second stage holds no part of the first"
