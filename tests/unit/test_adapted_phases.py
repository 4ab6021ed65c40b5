"""A system of three phases that is adapted to another corpus: what is trained, what is kept, what is recomputed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from data_folders import write_data, write_folds

from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.features.cache import FeatureCache
from speechbrain_ext.training.experiment import Experiment
from speechbrain_ext.training.fold import phases_of, train_fold
from speechbrain_ext.training.methods import METHODS, method_named
from speechbrain_ext.training.run_spec import RunSpec
from speechbrain_ext.training.target import TargetCorpus
from speechbrain_ext.training.target_corpus import predict_target
from speechbrain_ext.training.view import view_of

CLASSES = ("anger", "happiness", "sadness")
TASK, FOLD, PHASES = Task(CLASSES), "08", ("frlm", "urlm", "fusion")
WORDS = (
    "--hidden_size", "4", "--channels", "[5, 4, 4]", "--reduction", "2", "--n_mels", "8", "--epochs", "2",
    "--fusion_epochs", "3", "--batch_size", "8", "--lr", "0.01", "--embedding_size", "6", "--classes",
    f"[{', '.join(CLASSES)}]",
)  # fmt: skip


def write_corpus(folder: Path, name: str, speakers: tuple[str, ...], shift: float, spec: RunSpec) -> None:
    """9 utterances of each speaker, 4 to 8 frames each, in one cache for all corpora."""
    random, utterances = np.random.default_rng(len(name)), []
    for speaker in speakers:
        for number in range(9):
            identity = f"{name}-{speaker}-{number}"
            measured = {"wav": "x.wav", "sample_rate_hz": 16000, "num_samples": 16000}
            label = CLASSES[number % 3]
            utterances.append(
                Utterance(id=identity, sha256=identity, corpus=name, speaker=speaker, label=label, **measured)
            )
    write_data(folder / f"data/{name}-mini", utterances, source="mini", task=TASK)
    if name == "EmoDB":
        write_folds(folder / f"data/{name}-mini", utterances, "speaker", task=TASK)
    built = Experiment(spec).hp.build()
    for feature in ("lld", "logmel"):
        extractor = built["features"][feature]()
        with FeatureCache(spec.cache, extractor).writer() as writer:
            for number, utterance in enumerate(utterances):
                frames = random.normal(shift + number % 3, 1 + shift, size=(4 + number % 5, extractor.dim))
                writer.add(utterance.sha256, frames.astype("f4"))


@pytest.fixture(scope="module")
def spec(tmp_path_factory, repository) -> RunSpec:
    folder = tmp_path_factory.mktemp("adapted")
    known = RunSpec(
        recipe=str(repository / "recipes/EmoDB"),
        system="amsnet",
        data=str(folder / "data/EmoDB-mini"),
        exp=str(folder / "exp"),
        cache=str(folder / "cache"),
        overrides=WORDS,
        protocol="speaker",
    )
    write_corpus(folder, "EmoDB", ("03", "08", "09"), 0.0, known)
    write_corpus(folder, "Other", ("t1", "t2"), 2.0, known)
    return known


@pytest.fixture(scope="module")
def target(spec) -> TargetCorpus:
    return TargetCorpus(str(Path(spec.data).parent / "Other-mini"), TASK)


def adapted(spec: RunSpec, target: TargetCorpus, name: str) -> RunSpec:
    return replace(spec, method=name, target=target.folder, target_task=json.dumps(target.task.to_dict()))


def weights(spec: RunSpec, phase: str) -> dict[str, torch.Tensor]:
    """What the checkpoint of a trained phase holds."""
    (model,) = (one for one in phases_of(Experiment(spec), FOLD) if one.name == phase)
    path = model.folder / "save" / model.trained.checkpoint / "model.ckpt"
    return torch.load(path, weights_only=True)


@pytest.mark.parametrize("name", ["deep-coral", "dann", "dann@0.3"])
def test_every_phase_is_adapted_and_its_checkpoint_is_that_of_a_plain_one(spec, target, name):
    train_fold(spec, FOLD)
    run = adapted(spec, target, name)
    facts = train_fold(run, FOLD)
    for phase in PHASES:
        plain, found = weights(spec, phase), weights(run, phase)
        assert plain.keys() == found.keys(), "the penalty is not part of the model"
        same = [torch.equal(plain[key], found[key]) for key in plain if key.startswith("network.")]
        assert not any(same) or phase == "frlm" and not all(same), phase
    assert facts.parameters == train_fold(spec, FOLD).parameters
    for phase in phases_of(Experiment(run), FOLD):
        rows = [json.loads(line) for line in open(phase.folder / f"train_log-{phase.name}.jsonl", encoding="utf-8")]
        assert all(row["penalty"] > 0 for row in rows)
    assert len(predict_target(run, FOLD, target, method_named(name))) == 18


def test_another_strength_is_another_model(spec, target):
    runs = [adapted(spec, target, name) for name in ("dann", "dann@0.3", "deep-coral", "deep-coral@2")]
    for run in runs:
        train_fold(run, FOLD)
    found = [weights(run, "urlm")["network.classifier.weight"] for run in runs]
    assert all(not torch.equal(one, other) for place, one in enumerate(found) for other in found[:place])
    assert len({Experiment(run).seed_folder for run in runs}) == 4


def test_the_head_is_given_embeddings_of_the_target_by_the_adapted_phases(spec, target):
    run = adapted(spec, target, "dann")
    train_fold(run, FOLD)
    experiment = Experiment(run)
    frlm, urlm, fusion = phases_of(experiment, FOLD)
    view = view_of(experiment, target)
    adaptation = fusion._adaptation(fusion._model())
    assert sorted(item["id"] for item in adaptation.items) == view.used
    for phase in (frlm, urlm):
        expected = {one.id: one.embedding for one in phase.elsewhere(view, METHODS["as-trained"]).outputs(view.used)}
        for item in adaptation.items:
            np.testing.assert_allclose(item["features"][phase.name], expected[item["id"]], rtol=1e-6)


def test_adabn_changes_the_statistics_of_batch_norms_alone_and_the_head_s_embeddings_with_them(spec, target):
    train_fold(spec, FOLD)
    experiment = Experiment(spec)
    view = view_of(experiment, target)
    frlm, urlm, fusion = (each.elsewhere(view, METHODS["adabn"]) for each in phases_of(experiment, FOLD))
    kept = weights(spec, "urlm")
    found = urlm.network().state_dict()
    changed = {name for name, value in found.items() if not torch.equal(value, kept[f"network.{name}"])}
    assert changed == {name for name in found if name.endswith(("running_mean", "running_var"))} and len(changed) == 6
    plain = phases_of(experiment, FOLD)[1].elsewhere(view, METHODS["as-trained"])
    before, after = (np.array([one.embedding for one in each.outputs(view.used)]) for each in (plain, urlm))
    assert not np.allclose(before, after, atol=1e-3)
    given = fusion._dataset(view.used)
    for place, identity in enumerate(view.used):
        np.testing.assert_allclose(given[place]["features"]["urlm"], after[view.used.index(identity)], rtol=1e-6)
    scores = {name: predict_target(spec, FOLD, target, METHODS[name]) for name in ("as-trained", "adabn")}
    pairs = zip(scores["as-trained"], scores["adabn"], strict=True)
    assert any(one.predicted != other.predicted for one, other in pairs)
    assert all(torch.equal(value, kept[name]) for name, value in weights(spec, "urlm").items()), "nothing is written"


def test_adabn_does_not_depend_on_the_batches(spec, target):
    train_fold(spec, FOLD)
    experiment = Experiment(spec)
    view = view_of(experiment, target)
    found = []
    for size in (1, 7):
        urlm = phases_of(experiment, FOLD)[1].elsewhere(view, METHODS["adabn"])
        urlm.__dict__["training"] = replace(urlm.training, batch_size=size)
        found.append(urlm.network().state_dict())
    for name, value in found[0].items():
        torch.testing.assert_close(value, found[1][name], rtol=1e-4, atol=1e-6)


def test_a_phase_elsewhere_has_the_statistics_of_the_other_speakers(spec, target):
    run = replace(spec, overrides=(*spec.overrides, "--speaker_normalisation", "True"), row="normalised")
    phase = phases_of(Experiment(run), FOLD)[0]
    assert all(set(source.speaker_statistics) == {"03", "08", "09"} for source in phase.sources)
    other = phase.elsewhere(view_of(phase.experiment, target), METHODS["as-trained"])
    assert other.sources and all(set(source.speaker_statistics) == {"t1", "t2"} for source in other.sources)


def test_each_row_of_a_log_names_its_phase(spec):
    train_fold(spec, FOLD)
    for phase in phases_of(Experiment(spec), FOLD):
        lines = (phase.folder / f"train_log-{phase.name}.jsonl").read_text(encoding="utf-8").splitlines()
        assert lines and {json.loads(line)["phase_name"] for line in lines} == {phase.name}
