"""CA-MSER as a training step: the spectrogram's range, cached frames, what is trained, and the mean over segments."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from data_folders import write_data, write_folds
from speechbrain.utils.epoch_loop import EpochCounter, EpochCounterWithStopper
from tiny_ssl import write_tiny

from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.features.ca_mser.encoded import CaMserEncoded
from speechbrain_ext.features.ca_mser.features import CaMserAudio, CaMserMfcc, CaMserSpectrogram
from speechbrain_ext.features.cache import FeatureCache
from speechbrain_ext.lobes import alexnet
from speechbrain_ext.training.experiment import Experiment
from speechbrain_ext.training.fold import phases_of, predict_fold, train_fold
from speechbrain_ext.training.network_phase import NetworkPhase
from speechbrain_ext.training.run_spec import RunSpec
from speechbrain_ext.training.system_build import check_resources
from speechbrain_ext.utils.errors import UsageError, UserError

CLASSES = tuple("anger boredom disgust fear happiness neutral sadness".split())
SPEAKERS, FOLD = ("03", "08", "09"), "08"
FULL = "mfcc_spectrogram_w2e_coatt"
KEYS = {"variant": FULL, "epochs": "1", "batch_size": "8", "lr": "0.001", "alexnet_weights": "random"}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_tiny(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="module")
def spec(tmp_path_factory, repository, model):
    """7 utterances of each of three speakers; the first has two segments."""
    folder, random = tmp_path_factory.mktemp("ca_mser"), np.random.default_rng(0)
    utterances, signals = [], {}
    for speaker in SPEAKERS:
        for number, label in enumerate(CLASSES):
            name = f"{speaker}-{number}"
            signals[name] = 0.1 * random.normal(size=50000 if number == 0 else 20000).astype("f4")
            known = {"id": name, "sha256": name, "speaker": speaker, "label": label}
            utterances.append(Utterance(corpus="EmoDB", wav="x.wav", sample_rate_hz=16000, num_samples=20000, **known))
    data = folder / "data/EmoDB-mini"
    write_data(data, utterances)
    write_folds(data, utterances, "speaker", task=Task(CLASSES))
    for extractor in (CaMserSpectrogram(), CaMserMfcc(), CaMserAudio(), CaMserEncoded(str(model))):
        with FeatureCache(folder / "cache", extractor).writer() as writer:
            for name, signal in signals.items():
                writer.add(name, extractor(signal))
    return RunSpec(
        recipe=str(repository / "recipes/EmoDB"),
        system="ca_mser",
        data=str(data),
        exp=str(folder / "exp"),
        cache=str(folder / "cache"),
        protocol="speaker",
    )


def run_of(spec, model, row, **changes):
    keys = {**KEYS, "ssl_model": str(model), **changes}
    return replace(spec, row=row, overrides=tuple(f"--{key}={value}" for key, value in keys.items()))


def state_of(run):
    step = phases_of(Experiment(run), FOLD)[-1]
    return torch.load(step.folder / "save" / step.done.checkpoint / "model.ckpt", weights_only=True)


@pytest.fixture(scope="module")
def tuned(spec, model):
    run = run_of(spec, model, "tuned")
    return run, train_fold(run, FOLD)


def test_the_range_of_the_bins_is_that_of_the_training_part(spec, tuned):
    run, facts = tuned
    assert facts.n_train == 14 and facts.optimizer_steps == 2, "16 segments in batches of 8"
    state = state_of(run)
    cache = FeatureCache(spec.cache, CaMserSpectrogram())
    frames = np.concatenate([cache.get(identity) for identity in Experiment(run).fold(FOLD).train])
    assert np.array_equal(state["network.low"].numpy(), frames.min(0))
    assert np.array_equal(state["network.high"].numpy(), frames.max(0))


def test_a_trained_row_is_scored_without_the_model(spec, tuned, model, tmp_path):
    run, _ = tuned
    before = predict_fold(run, FOLD).test
    aside = tmp_path / "aside"
    Experiment(run).claim()
    shutil.move(model, aside)
    try:
        after = predict_fold(run, FOLD).test
    finally:
        shutil.move(aside, model)
    assert [output.predicted for output in after] == [output.predicted for output in before]
    assert [output.id for output in before] == sorted(Experiment(run).fold(FOLD).test)


def test_an_utterance_is_the_mean_of_its_segments_one_way_or_the_other(spec, tuned, model):
    run, _ = tuned
    step = phases_of(Experiment(run), FOLD)[-1]
    brain = step._trained(step.trained)
    brain.hparams = replace(brain.hparams, segments=False)
    segments = {output.id: np.array(output.predicted) for output in brain.run(step._dataset(["08-0"]))}
    assert len(segments) == 2
    rows = np.stack(list(segments.values()))
    brain.hparams = replace(brain.hparams, segments=True)
    (mean,) = brain.run(step._dataset(["08-0"]))
    assert np.exp(mean.predicted) == pytest.approx(np.exp(rows).mean(0))
    brain.hparams = replace(brain.hparams, mean_of="log_posteriors")
    (other,) = brain.run(step._dataset(["08-0"]))
    expected = np.exp(rows.mean(0)) / np.exp(rows.mean(0)).sum()
    assert np.exp(other.predicted) == pytest.approx(expected)
    with pytest.raises(UserError, match="utterance: expected one of posteriors"):
        train_fold(run_of(spec, model, "wrong", utterance="votes"), FOLD)


def test_cached_frames_give_what_the_frozen_model_gives(spec, model, tuned):
    run = run_of(spec, model, "frozen", variant=f"{FULL}_frozen", dropout="0.0", lstm_dropout="0.0")
    facts = train_fold(run, FOLD)
    state = state_of(run)
    assert not any("encoder" in name for name in state), "nothing of wav2vec 2.0 is trained or kept"
    assert facts.parameters < tuned[1].parameters
    assert len(predict_fold(run, FOLD).test) == 7


def test_training_moves_the_encoder_and_its_own_masking_is_drawn_again(spec, model, tuned, tmp_path):
    run, _ = tuned
    state, start = state_of(run), phases_of(Experiment(run), FOLD)[-1]._model().state_dict()
    names = [name for name in state if "encoder.encoder.layers.0" in name and name.endswith("weight")]
    assert names and any(not torch.equal(state[name], start[name]) for name in names)
    again = replace(run, exp=str(tmp_path))
    np.random.seed(7)
    train_fold(again, FOLD)
    other = state_of(again)
    assert all(torch.equal(state[name], other[name]) for name in names), "numpy's draws are seeded too"


def test_adapters_are_trained_in_the_place_of_the_encoder(spec, model, tuned):
    run = run_of(spec, model, "lora", adapter="lora", adapter_rank="2")
    facts = train_fold(run, FOLD)
    assert facts.parameters < tuned[1].parameters and facts.parameters_total > tuned[1].parameters_total
    assert len(predict_fold(run, FOLD).test) == 7
    with pytest.raises(UserError, match="adapter"):
        train_fold(run_of(spec, model, "both", variant=f"{FULL}_frozen", adapter="lora"), FOLD)


def test_training_stops_early_wherever_there_is_a_development_part(spec, model):
    run = run_of(spec, model, "patience")
    step = phases_of(Experiment(run), FOLD)[-1]
    counter = step._counter(True)
    assert isinstance(counter, EpochCounterWithStopper) and counter.limit_to_stop == 8 and counter.limit_warmup == 0
    assert not isinstance(step._counter(False), EpochCounterWithStopper)
    for preset in ("paper", "official"):
        assert Experiment(replace(run, preset=preset)).hp.tree["early_stopping_epochs"] == 8
    with pytest.raises(UsageError, match="early_stopping_epochs needs a development part"):
        Experiment(run_of(spec, model, "asked", early_stopping_epochs="3"))


def test_the_counter_is_told_of_the_development_part(spec, model, monkeypatch, tmp_path):
    asked = []
    # Its own experiments: rows share steps, which other tests have trained.
    spec = replace(spec, exp=str(tmp_path))
    monkeypatch.setattr(NetworkPhase, "_counter", lambda self, has_dev: asked.append(has_dev) or EpochCounter(1))
    for selection in ("last", "test"):
        with pytest.raises(InterruptedError):
            monkeypatch.setattr(NetworkPhase, "_brain", stop)
            train_fold(replace(run_of(spec, model, f"told-{selection}", lr="0.002"), selection=selection), FOLD)
    assert asked == [False, True]


def stop(*_):
    raise InterruptedError


@pytest.mark.parametrize(
    ("variant", "weights", "expected"),
    [
        (FULL, "imagenet", r"alexnet_weights imagenet: expected torchvision.*pip install 'torchvision>=0.23,<1'"),
        (f"{FULL}_frozen", "imagenet", "alexnet_weights imagenet: expected torchvision"),
        ("spectrogram", "/no/such.pth", "alexnet_weights /no/such.pth: expected random, imagenet or a file"),
        ("w2e_coatt", "imagenet", "alexnet_weights imagenet: expected torchvision"),
        (FULL, "random", None),
        ("mfcc_w2e", "imagenet", None),
    ],
)
def test_weights_out_of_reach_are_told_before_stage_1(spec, model, monkeypatch, variant, weights, expected):
    find_spec = alexnet.importlib.util.find_spec
    # Of torchvision alone: whatever else asks, and keeps the answer, is not deceived.
    monkeypatch.setattr(
        alexnet.importlib.util, "find_spec", lambda name: None if name == "torchvision" else find_spec(name)
    )
    run = Experiment(run_of(spec, model, "resources", variant=variant, alexnet_weights=weights))
    if expected is None:
        check_resources(run.hp)
        return
    with pytest.raises(UserError, match=expected) as fault:
        check_resources(run.hp)
    assert "\n" not in str(fault.value) and "-- --alexnet_weights" in str(fault.value)


def test_a_trained_network_is_scored_without_the_file_of_alexnet(spec, model, tmp_path):
    path = tmp_path / "alexnet.pth"
    features = alexnet.AlexNetFeatures().features.state_dict()
    torch.save({f"features.{name}": value for name, value in features.items()}, path)
    run = run_of(spec, model, "file", variant="spectrogram", alexnet_weights=str(path))
    train_fold(run, FOLD)
    path.unlink()
    assert len(predict_fold(run, FOLD).test) == 7
