"""The temperature of each fold: fitted to its development set alone, kept, and shown with what it changes."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from data_folders import write_data, write_folds
from report_folders import edited
from run_requests import request_of
from scipy.optimize import brentq
from scipy.special import softmax
from sklearn.metrics import log_loss

from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.evaluation.evaluate import evaluate
from speechbrain_ext.evaluation.predictions import read_predictions
from speechbrain_ext.evaluation.results_files import read_results
from speechbrain_ext.features.cache import FeatureCache
from speechbrain_ext.features.functionals import Functionals
from speechbrain_ext.report.comparison import compare_files
from speechbrain_ext.report.page import write_report
from speechbrain_ext.training import launch
from speechbrain_ext.training.experiment import Experiment
from speechbrain_ext.training.fold import predict_fold
from speechbrain_ext.training.train import train
from speechbrain_ext.utils.errors import UserError

TASK = Task(("anger", "fear", "sadness"))
SPEAKERS = ("03", "08", "09", "10", "11", "12")


@pytest.fixture(scope="module", autouse=True)
def needs_opensmile():
    pytest.importorskip("opensmile", reason="openSMILE is an extra")


@pytest.fixture(scope="module", autouse=True)
def in_this_process():
    """Folds in this process: worker processes load torch for each stage."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch, "map_folds", lambda function, tasks, *_, **__: {task: function(*task) for task in tasks})
        yield


def score(folder: Path, repository: Path, dev: str):
    """Train and score a support vector machine on features that tell the classes apart, not always."""
    random = np.random.default_rng(1)
    utterances = [
        Utterance(
            id=f"{speaker}{label}{take}", corpus="EmoDB", wav="x.wav", speaker=speaker, text_id="t",
            label=label, sha256=f"{speaker}{label}{take}", sample_rate_hz=16000, num_samples=16000,
        )
        for speaker in SPEAKERS for label in TASK.classes for take in range(6)
    ]  # fmt: skip
    data = folder / "data/EmoDB-mini"
    write_data(data, utterances, source="mini", task=TASK)
    write_folds(data, utterances, "speaker", dev, task=TASK)
    with FeatureCache(folder / "cache", Functionals("eGeMAPSv02")).writer() as writer:
        for utterance in utterances:
            row = random.normal(size=88)
            row[:3] += 1.5 * np.eye(3)[TASK.classes.index(utterance.label)]
            writer.add(utterance.sha256, row.astype("f4")[None])
    words = f"--recipe {repository}/recipes/EmoDB --system svm --data {data} --exp {folder}/exp --tag x --dev {dev}"
    words += f" --cache {folder}/cache --protocol speaker --device cpu --jobs 1"
    request = request_of(
        [*words.split(), "--", *"--variant egemaps --c_grid [0.01] --classes [anger,fear,sadness]".split()]
    )
    train(request)
    evaluate(request)
    return request, Experiment(request.specs[0]).seed_folder


@pytest.fixture(scope="module")
def scored(tmp_path_factory, repository, in_this_process):
    return score(tmp_path_factory.mktemp("temperature"), repository, "speaker")


def likeliest(log_posteriors: np.ndarray, truth: np.ndarray) -> float:
    """Where the derivative of the likelihood by the temperature is 0."""
    right = log_posteriors[np.arange(len(truth)), truth]

    def slope(temperature: float) -> float:
        shares = softmax(log_posteriors / temperature, axis=1)
        return float(np.mean((shares * log_posteriors).sum(axis=1) - right))

    return brentq(slope, 0.01, 100.0, xtol=1e-12)


def tempered(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """True classes [utterance] and posteriors [utterance, class] with the temperatures in results.json."""
    record = json.loads((folder / "results.json").read_text())
    of_fold = {fold["name"]: fold["temperature"] for fold in record["folds"]}
    rows, target = read_predictions(folder / "predictions.csv")
    found = [softmax(np.log(row.posteriors) / of_fold[row.fold]) for row in rows]
    return np.array([target.names.index(row.label) for row in rows]), np.array(found)


def test_it_is_fitted_to_the_development_set(scored):
    request, folder = scored
    results = read_results(folder / "results.json")
    assert len({round(one, 6) for one in results.temperatures.values()}) == len(SPEAKERS)
    for fold in results.folds:
        parts, outputs = request.experiments[0].fold(fold.name), predict_fold(request.specs[0], fold.name)
        ids = {output.id for output in outputs.dev}
        assert ids == set(parts.dev) and not ids & {*parts.train, *parts.test} and len(ids) == fold.n_dev > 0
        assert {output.id for output in outputs.test} == set(parts.test)
        expected = likeliest(
            np.array([output.predicted for output in outputs.dev]), np.array([output.truth for output in outputs.dev])
        )
        assert 0.02 < expected < 50 and fold.temperature == pytest.approx(expected, rel=1e-5)


def test_it_is_stable_from_run_to_run_and_scored_once(scored, capsys):
    request, folder = scored
    before = (folder / "results.json").read_bytes()
    evaluate(request)
    assert "is scored already" in capsys.readouterr().out
    evaluate(replace(request, force=True))
    assert (folder / "results.json").read_bytes() == before


def test_compare_shows_what_it_changes(scored):
    _, folder = scored
    text = compare_files([folder, folder])
    truth, posteriors = tempered(folder)
    nll = log_loss(truth, posteriors, labels=range(3))
    brier = np.mean(np.sum((posteriors - np.eye(3)[truth]) ** 2, axis=1))
    assert re.findall(r"^  ([AB]), temperature +([\d.]+) +([\d.]+) ", text, re.M) == [
        (letter, f"{brier:.4f}", f"{nll:.4f}") for letter in "AB"
    ]
    [plain] = re.findall(r"^  A  +[\d.]+ +([\d.]+) ", text, re.M)
    assert float(plain) > nll + 0.01, "the softmax of an SVM's scores is far from what it recognises"
    assert "fitted to its development set; it changes no recognised class" in text


@pytest.mark.usefixtures("small_figures")
def test_the_page_shows_what_it_changes(scored, tmp_path):
    _, folder = scored
    write_report(folder.parents[3], tmp_path / "report.html")
    text = " ".join(re.sub(r"<[^>]*>", " ", (tmp_path / "report.html").read_text(encoding="utf-8")).split())
    truth, posteriors = tempered(folder)
    found = sorted(read_results(folder / "results.json").temperatures.values())
    assert f"fitted to its development set of 18 utterances ({found[0]:.3f} to {found[-1]:.3f}; above 1 means" in text
    nll = log_loss(truth, posteriors, labels=range(3))
    assert re.search(rf"the recognised class stays the same. ECE, 15 bins [\d.]+ per cent .* NLL {nll:.3f} nats", text)


def test_without_a_development_set_there_is_none(tmp_path, repository):
    _, folder = score(tmp_path, repository, "none")
    record = json.loads((folder / "results.json").read_text())
    assert len(record["folds"]) == len(SPEAKERS) and "temperature" not in json.dumps(record)
    assert "temperature" not in compare_files([folder, folder])


def test_one_fold_without_it_leaves_the_run_without_it(scored):
    results = read_results(scored[1] / "results.json")
    assert edited(results, lambda record: record["folds"][2].pop("temperature")).temperatures == {}


@pytest.mark.parametrize("value", [0, -1.0, "1.0", True])
def test_a_temperature_that_is_none_is_refused(scored, value):
    results = read_results(scored[1] / "results.json")
    with pytest.raises((UserError, ValueError), match="temperature"):
        edited(results, lambda record: record["folds"][0].update(temperature=value))
