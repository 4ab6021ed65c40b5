"""Training steps with dimensions in place of classes: what they learn, what they leave, what they refuse."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from data_folders import write_data, write_folds
from run_requests import request_of

from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.features.cache import FeatureCache
from speechbrain_ext.features.functionals import Functionals
from speechbrain_ext.features.lld import LowLevelDescriptors
from speechbrain_ext.metrics.values import concordance
from speechbrain_ext.preparation.protocols import make_folds
from speechbrain_ext.training.experiment import Experiment
from speechbrain_ext.training.fold import fold_facts, phases_of, predict_fold, train_fold
from speechbrain_ext.training.objectives import Output
from speechbrain_ext.training.run_spec import RunSpec
from speechbrain_ext.utils.errors import UsageError, UserError

SPEAKERS, FOLD = ["03", "08", "09", "10"], "08"
DIMENSIONS = ("activation", "valence")
SVM = ("svm", "--variant", "egemaps")
FRLM = (
    "amsnet", "--variant", "frlm", "--hidden_size", "6", "--epochs", "20", "--lr", "0.01", "--batch_size", "16",
    "--checkpoint_epochs", "1", "--attention_dropout", "0",
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def needs_opensmile():
    pytest.importorskip("opensmile", reason="openSMILE is an extra")


def make_corpus(folder, scale=1.0):
    """80 utterances whose values their features tell, and 4 without values; `scale` is that of the values."""
    random = np.random.default_rng(0)
    task = Task(dimensions=DIMENSIONS)
    utterances, rows = [], {}
    for speaker in SPEAKERS:
        for number in range(21):
            name = f"{speaker}-{number:02d}"
            # the order of the corpus: valence, activation, dominance
            vad = (scale * (3 + random.normal(size=3) * [0.5, 1.0, 0.7])).tolist()
            rows[name] = np.array(vad) / scale
            utterances.append(
                Utterance(
                    id=name,
                    corpus="EmoDB",
                    wav="x.wav",
                    speaker=speaker,
                    label="anger",
                    sha256=name,
                    sample_rate_hz=16000,
                    num_samples=16000,
                    vad=vad if number else None,
                )  # fmt: skip
            )
    data = folder / "data/EmoDB-mini"
    write_data(data, utterances)
    for dev in ("none", "speaker"):
        recipe = Task(tuple("anger boredom disgust fear happiness neutral sadness".split()), dimensions=DIMENSIONS)
        write_folds(data, utterances, "speaker", dev, task=recipe)
    assert task.uses(utterances[0]) and task.label_of(utterances[0]) is None
    for extractor, frames, width in ((Functionals("eGeMAPSv02"), 1, 88), (LowLevelDescriptors(), 5, 76)):
        mix = random.normal(size=(3, width))
        with FeatureCache(folder / "cache", extractor).writer() as writer:
            for name, values in rows.items():
                found = (values - 3) @ mix + 0.3 * random.normal(size=(frames, width))
                writer.add(name, found.astype("f4"))


def spec_of(folder, repository, words=SVM, *more, **settings) -> RunSpec:
    system, *overrides = words
    known = {
        "recipe": str(repository / "recipes/EmoDB"),
        "system": system,
        "data": str(folder / "data/EmoDB-mini"),
        "exp": str(folder / "exp"),
        "cache": str(folder / "cache"),
        "overrides": (*overrides, "--dimensions", f"[{', '.join(DIMENSIONS)}]", *more),
        "protocol": "speaker",
    }
    return RunSpec(**{**known, **settings})


def agreement(outputs: list[Output]) -> list[float]:
    values, predicted = (np.array([getattr(one, key) for one in outputs]).T for key in ("truth", "predicted"))
    return [concordance(*pair) for pair in zip(values, predicted, strict=True)]


@pytest.mark.parametrize("words", [SVM, FRLM], ids=["svm", "network"])
def test_it_learns_the_values_in_the_corpus_s_units(tmp_path, repository, words):
    make_corpus(tmp_path, scale=20.0)
    spec = spec_of(tmp_path, repository, words)
    facts = train_fold(spec, FOLD)
    assert facts.n_train == 60 and facts.n_test == 20
    experiment, outputs = Experiment(spec), predict_fold(spec, FOLD).test
    assert [output.id for output in outputs] == sorted(experiment.fold(FOLD).test)
    for output in outputs:
        utterance = experiment.utterances[output.id]
        assert output.truth == pytest.approx((utterance.vad[1], utterance.vad[0]), rel=1e-6), "in the order asked for"
    assert min(agreement(outputs)) > 0.6
    assert fold_facts(experiment, FOLD) == facts


def test_values_are_not_predicted_for_the_development_set_as_there_is_no_temperature_of_them(tmp_path, repository):
    make_corpus(tmp_path)
    spec = spec_of(tmp_path, repository, SVM, dev="speaker")
    train_fold(spec, FOLD)
    assert Experiment(spec).fold(FOLD).dev and predict_fold(spec, FOLD).dev == []


def test_the_units_of_the_values_change_nothing_but_the_units(tmp_path, repository):
    found = []
    for name, scale in (("one", 1.0), ("many", 64.0)):
        make_corpus(tmp_path / name, scale)
        spec = spec_of(tmp_path / name, repository, FRLM)
        train_fold(spec, FOLD)
        found.append(np.array([output.predicted for output in predict_fold(spec, FOLD).test]))
    np.testing.assert_allclose(found[0] * 64, found[1], rtol=1e-4)


def test_the_checkpoint_carries_the_units(tmp_path, repository):
    make_corpus(tmp_path)
    spec = spec_of(tmp_path, repository, FRLM)
    train_fold(spec, FOLD)
    (step,) = phases_of(Experiment(spec), FOLD)
    state = torch.load(step.folder / "save" / step.done.checkpoint / "model.ckpt", weights_only=True)
    experiment = step.experiment
    train = np.array([experiment.task.values_of(experiment.utterances[i]) for i in experiment.fold(FOLD).train])
    np.testing.assert_allclose(state["scale.mean"], train.mean(0), rtol=1e-6)
    np.testing.assert_allclose(state["scale.deviation"], train.std(0), rtol=1e-6)


def test_the_model_of_a_regression_is_arrays_with_the_names_of_its_dimensions(tmp_path, repository):
    make_corpus(tmp_path)
    spec = spec_of(tmp_path, repository)
    facts = train_fold(spec, FOLD)
    (step,) = phases_of(Experiment(spec), FOLD)
    with np.load(step.folder / "model-egemaps.npz", allow_pickle=False) as stored:
        assert stored["dimension_names"].tolist() == list(DIMENSIONS) and stored["coefficients"].shape == (2, 88)
    assert facts.parameters == 2 * 89 and facts.warnings == ("class_weight has no effect: a regression has no classes",)
    row = json.loads((step.folder / "train_log-egemaps.jsonl").read_text())
    assert row["train_ccc"] > 0.6 and set(row) >= {"c", "inner_ccc"}


def test_the_epoch_with_the_best_ccc_on_dev_is_chosen(tmp_path, repository):
    make_corpus(tmp_path)
    spec = spec_of(tmp_path, repository, FRLM, dev="speaker")
    facts = train_fold(spec, FOLD)
    (step,) = phases_of(Experiment(spec), FOLD)
    rows = [json.loads(line) for line in (step.folder / "train_log-frlm.jsonl").read_text().splitlines()]
    best = max(rows, key=lambda row: (row["dev_ccc"], -row["epoch"]))
    assert step.done.selected_epoch == best["epoch"] and facts.dev_ccc == best["dev_ccc"]
    assert all(row["dev_loss"] == pytest.approx(1 - row["dev_ccc"]) and "dev_uar" not in row for row in rows)
    on_dev = step.outputs(step.experiment.fold(FOLD).dev)
    assert np.mean(agreement(on_dev)) == pytest.approx(best["dev_ccc"], abs=1e-5)


def test_killed_and_resumed_is_the_same(tmp_path, repository):
    class Killed(BaseException):
        pass

    def kill(step, epoch):
        if epoch == 3:
            raise Killed

    make_corpus(tmp_path)
    spec, whole = (spec_of(tmp_path, repository, FRLM, exp=str(tmp_path / name)) for name in ("killed", "whole"))
    with pytest.raises(Killed):
        train_fold(spec, FOLD, kill)
    for one in (spec, whole):
        train_fold(one, FOLD)
    assert predict_fold(spec, FOLD).test == predict_fold(whole, FOLD).test


def test_frozen_steps_are_built_upon(tmp_path, repository):
    make_corpus(tmp_path)
    spec = spec_of(tmp_path, repository, FRLM)
    train_fold(spec, FOLD)
    (step,) = phases_of(Experiment(spec), FOLD)
    step.frozen = {"frlm": phases_of(Experiment(spec), FOLD)[0]}
    ids = step.experiment.fold(FOLD).test
    item = step._dataset(ids)[0]
    assert item["features"]["frlm"].shape == (128,) and item["shares"].shape == (2,)


@pytest.mark.parametrize(
    ("words", "key", "value"),
    [
        (FRLM, "class_weights", "True"),
        (FRLM, "label_smoothing", "0.1"),
        (FRLM, "balanced_sampling", "True"),
        (SVM, "class_weight", "balanced"),
    ],
)
def test_keys_of_classes_are_refused_by_name(tmp_path, repository, words, key, value):
    make_corpus(tmp_path)
    with pytest.raises(UserError, match=rf"{key}: expected .*as dimensions have no classes, found {value}: ") as fault:
        train_fold(spec_of(tmp_path, repository, words, f"--{key}", value), FOLD)
    assert "\n" not in str(fault.value)


def test_a_table_is_of_classes(tmp_path, repository):
    words = ["--recipe", str(repository / "recipes/EmoDB"), "--system", "amsnet", "--data", str(tmp_path)]
    words += ["--exp", str(tmp_path), "--table", "amsnet/5", "--row", "FRLM", "--tag", "x"]
    with pytest.raises(UsageError, match="--table amsnet/5: tables are of classes, found dimensions"):
        request_of([*words, "--", "--dimensions", "[valence]"])


def test_a_corpus_without_values_is_told(tmp_path):
    people = [Utterance(id=name, corpus="EmoDB", wav="x", speaker=name, label="anger") for name in SPEAKERS]
    with pytest.raises(UserError, match="no utterance has valence and activation: choose classes"):
        make_folds(people, "speaker", task=Task(dimensions=("valence", "activation")))
    people = [replace(one, vad=[1.0, None, 2.0]) for one in people]
    with pytest.raises(UserError, match="no utterance has activation"):
        make_folds(people, "speaker", task=Task(dimensions=("activation",)))
    assert len(make_folds(people, "speaker", task=Task(dimensions=("dominance",))).folds) == 4
