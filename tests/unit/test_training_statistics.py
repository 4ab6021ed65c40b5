"""What normalises features comes from the training part alone: test and development utterances reach no weight."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from data_folders import write_data, write_folds
from sklearn.utils.class_weight import compute_class_weight
from speechbrain.dataio.dataset import DynamicItemDataset

from speechbrain_ext import hparams
from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.features.cache import FeatureCache
from speechbrain_ext.training.experiment import Experiment
from speechbrain_ext.training.fold import phases_of, train_fold
from speechbrain_ext.training.network_phase import NetworkPhase
from speechbrain_ext.training.run_spec import RunSpec

CLASSES = tuple("anger boredom disgust fear happiness neutral sadness".split())
SPEAKERS, FOLD = ("03", "08", "09", "10"), "08"
WORDS = ("--variant=early", "--hidden_size=4", "--embedding_size=4", "--epochs=2", "--batch_size=8")
FRAMES = {"lld": 30, "logmel": 12}


def make_run(folder, repository, spoilt: tuple[str, ...] = (), dev: str = "none") -> RunSpec:
    """7 utterances of each of four speakers; features of spoilt speakers are far from those of all others."""
    random, utterances = np.random.default_rng(0), []
    for speaker in SPEAKERS:
        for number, label in enumerate(CLASSES):
            name = f"{speaker}-{number}"
            known = {"id": name, "sha256": name, "speaker": speaker, "label": label}
            utterances.append(Utterance(corpus="EmoDB", wav="x.wav", sample_rate_hz=16000, num_samples=4800, **known))
    data = folder / "data/EmoDB-mini"
    write_data(data, utterances)
    write_folds(data, utterances, "speaker", dev, task=Task(CLASSES))
    spec = RunSpec(
        recipe=str(repository / "recipes/EmoDB"),
        system="amsnet",
        data=str(data),
        exp=str(folder / "exp"),
        cache=str(folder / "cache"),
        overrides=WORDS,
        protocol="speaker",
        dev=dev,
    )
    built = hparams.load_system(spec.recipe, spec.system).build()
    for name, frames in FRAMES.items():
        extractor = built["features"][name]()
        with FeatureCache(spec.cache, extractor).writer() as writer:
            for utterance in utterances:
                rows = random.normal(3, 2, size=(frames, extractor.dim)).astype("f4")
                writer.add(utterance.sha256, rows * 50 + 1000 if utterance.speaker in spoilt else rows)
    return spec


def state_of(spec: RunSpec) -> dict[str, torch.Tensor]:
    train_fold(spec, FOLD)
    (step,) = phases_of(Experiment(spec), FOLD)
    return torch.load(step.folder / "save" / step.done.checkpoint / "model.ckpt", weights_only=True)


@pytest.mark.parametrize("dev", ["none", "speaker"])
def test_mean_and_deviation_are_those_of_the_training_part(tmp_path, repository, dev):
    spec = make_run(tmp_path, repository, dev=dev)
    state, experiment = state_of(spec), Experiment(spec)
    parts = experiment.fold(FOLD)
    assert len(parts.test) == 7 and len(parts.dev) == (7 if dev == "speaker" else 0)
    (step,) = phases_of(experiment, FOLD)
    for source in step.sources:
        frames = np.concatenate([source.cache.get(identity) for identity in parts.train]).astype("f8")
        assert len(frames) == FRAMES[source.name] * (28 - 7 - len(parts.dev))
        mean, deviation = (state[f"normalizers.{source.name}.{name}"].numpy() for name in ("mean", "deviation"))
        np.testing.assert_allclose(mean, frames.mean(0), rtol=1e-6)
        np.testing.assert_allclose(deviation, frames.std(0), rtol=1e-6)


def test_spoilt_test_utterances_change_no_weight(tmp_path, repository):
    plain = state_of(make_run(tmp_path / "plain", repository))
    spoilt = state_of(make_run(tmp_path / "spoilt", repository, spoilt=(FOLD,)))
    assert plain.keys() == spoilt.keys() and all(torch.equal(plain[name], spoilt[name]) for name in plain)
    other = state_of(make_run(tmp_path / "other", repository, spoilt=("03",)))
    assert not torch.equal(plain["normalizers.lld.mean"], other["normalizers.lld.mean"]), "there they are trained on"


def test_spoilt_development_utterances_change_no_weight_of_the_last_epoch(tmp_path, repository):
    made = [make_run(tmp_path / "plain", repository, dev="speaker")]
    (development,) = {identity.split("-")[0] for identity in Experiment(made[0]).fold(FOLD).dev}
    made.append(make_run(tmp_path / "spoilt", repository, spoilt=(development,), dev="speaker"))
    plain, spoilt = (state_of(replace(spec, selection="last")) for spec in made)
    assert all(torch.equal(plain[name], spoilt[name]) for name in plain)


def test_class_weights_are_scikit_learns_balanced_ones():
    """A class without training utterances weighs as much as one with a single one."""
    targets = [0] * 6 + [1] * 3 + [2]
    data = {f"u{n}": {"target": target, "corpus": "one"} for n, target in enumerate(targets)}
    spec = SimpleNamespace(device="cpu")
    phase = SimpleNamespace(corpus_balance="none", experiment=SimpleNamespace(classes=("a", "b", "c"), spec=spec))
    found = NetworkPhase._class_weights(phase, DynamicItemDataset(data))
    expected = compute_class_weight("balanced", classes=np.arange(3), y=np.array(targets))
    assert found.tolist() == pytest.approx(expected.tolist())
    phase.experiment.classes = ("a", "b", "c", "d")
    assert NetworkPhase._class_weights(phase, DynamicItemDataset(data)).tolist() == pytest.approx(
        [10 / 4 / 6, 10 / 4 / 3, 10 / 4, 10 / 4]
    )
