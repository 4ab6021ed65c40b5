"""Valence, activation and dominance through run.sh on the mini corpus, by networks and by the regression."""

from __future__ import annotations

import csv
import json

import pytest
from recipe_runs import SIZES, only_error, run
from tiny_ssl import write_tiny

from speechbrain_ext.metrics.values import concordance

pytestmark = pytest.mark.slow
DIMENSIONS = ["valence", "activation", "dominance"]
ASKED = f"[{', '.join(DIMENSIONS)}]"
OVERRIDES = {
    "svm": "--variant egemaps".split(),
    "amsnet": f"{SIZES} --epochs 6 --fusion_epochs 12 --checkpoint_epochs 2 --batch_size 64 --lr 0.003".split(),
    "ssl_probe": "--epochs 3 --checkpoint_epochs 1".split(),
    "ssl_finetune": "--epochs 1 --checkpoint_epochs 1".split(),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("dimensions")


def call(folder, system, *words, more=()):
    overrides = [*OVERRIDES[system], *more]
    if system.startswith("ssl"):
        model = folder / f"model-{system}"
        if not model.exists():
            write_tiny(model, "wav2vec2-layer" if system == "ssl_finetune" else "wav2vec2-group")
        overrides += ["--ssl_model", str(model)]
    words = ("--system", system, "--protocol", "session", "--jobs", "1", "--threads", "1", *words, "--", *overrides)
    return run(folder, *words, recipe="IEMOCAP", small=False)


def results_of(folder, system, row="dims"):
    (path,) = (folder / "exp/IEMOCAP-mini" / system / row).glob("session*/seed-1/results.json")
    return json.loads(path.read_text()), path.parent


@pytest.mark.parametrize("system", OVERRIDES)
def test_every_system_predicts_values_through_every_stage(folder, system):
    done = call(folder, system, "--folds", "1,3", "--tag", "dims", more=("--dimensions", ASKED))
    assert done.returncode == 0, done.stderr
    results, seed = results_of(folder, system)
    assert results["target"] == "dimensions" and results["dimensions"] == DIMENSIONS and "classes" not in results
    with open(seed / "predictions.csv", encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == results["pooled"]["n"] == sum(fold["n_test"] for fold in results["folds"])
    for name in DIMENSIONS:
        truth, found = ([float(row[key]) for row in rows] for key in (name, f"predicted_{name}"))
        assert results["pooled"]["ccc"][name] == pytest.approx(concordance(truth, found))
        low, high = results["pooled"]["ccc_ci95"][name]
        assert f"{name} {results['pooled']['ccc'][name]:.3f} [{low:.3f}, {high:.3f}]" in done.stdout
    for name in ("scatter.png", "scatter.pdf", *(("curves.png", "curves.pdf") if system != "svm" else ())):
        assert (seed / name).stat().st_size > 3000
    assert system != "svm" or not (seed / "curves.png").exists(), "an SVM is fitted at once"
    assert "in place of classes" in (folder / "exp/IEMOCAP-mini/report.html").read_text()


def test_the_regression_learns_what_synthetic_speech_says(folder):
    done = call(folder, "svm", "--tag", "all", "--stop-stage", "3", more=("--dimensions", ASKED))
    assert done.returncode == 0, done.stderr
    results, _ = results_of(folder, "svm", "all")
    assert results["pooled"]["ccc"]["activation"] > 0.5 and results["pooled"]["ccc_ci95"]["valence"][0] > 0.2


def test_runs_on_classes_and_on_dimensions_stand_on_one_page(folder):
    done = call(folder, "svm", "--folds", "1,3", "--tag", "values", "--stop-stage", "3", more=("--dimensions", ASKED))
    assert done.returncode == 0, done.stderr
    done = call(folder, "svm", "--folds", "1,3", "--tag", "classes")
    assert done.returncode == 0, done.stderr
    results, _ = results_of(folder, "svm", "classes")
    assert "target" not in results and len(results["classes"]) == 4
    page = (folder / "exp/IEMOCAP-mini/report.html").read_text()
    assert "Runs on dimensions in place of classes" in page and "By class" in page


def test_what_does_not_go_with_dimensions_is_one_line(folder):
    options = ("--folds", "1", "--tag", "wrong", "--stop-stage", "2")
    done = call(folder, "amsnet", *options, more=("--dimensions", ASKED, "--label_smoothing", "0.1"))
    assert done.returncode == 1 and "label_smoothing: expected it off" in only_error_of(done)
    done = call(folder, "amsnet", *options, more=("--dimensions", "[valence, joy]"))
    assert done.returncode == 2 and "joy: expected some of valence, activation, dominance" in done.stderr
    words = ("--table", "amsnet/5", "--tag", "wrong", "--", "--dimensions", "[valence]")
    done = run(folder, *words, recipe="EmoDB", small=False)
    assert done.returncode != 0 and "Traceback" not in done.stderr


def test_a_corpus_without_values_says_so(folder):
    words = ("--system", "svm", "--tag", "dims", "--jobs", "1", "--", "--dimensions", "[valence, activation]")
    done = run(folder, *words, recipe="EmoDB", small=False)
    assert "no utterance has valence and activation: choose classes in place of dimensions" in only_error(done)


def only_error_of(done):
    """The line of the error, without the progress bars of training."""
    assert "Traceback" not in done.stderr, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    return line
