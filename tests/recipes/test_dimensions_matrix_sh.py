"""CCC of dimensions across corpora: on corpora of unlike scales and on mini corpora, against an independent SVR."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
from cross_corpus_runs import cross_corpus, features_of, read_rows, rows_of, standard
from recipe_runs import run
from sklearn.svm import SVR

from speechbrain_ext.evaluation.matrix import ALL_DATA, FOLD_ENSEMBLE, FOLD_MEAN, WITHIN, read_matrix

pytestmark = pytest.mark.slow
DIMENSIONS = ("valence", "activation")
SCALES = {"one": (1, 5), "two": (0, 100), "three": (1, 5)}
SIZES = {"one": 20, "two": 30, "three": 20}


def write_csv(folder: Path, name: str, seed: int) -> Path:
    """A corpus of noise whose level and colour tell its values, of five speakers."""
    folder.mkdir(parents=True)
    random, (low, high) = np.random.default_rng(seed), SCALES[name]
    with open(folder / f"{name}.csv", "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "speaker", "emotion", "valence", "activation", "dominance"])
        for number in range(SIZES[name]):
            valence, activation = random.uniform(size=2)
            noise = np.convolve(random.normal(size=12000), [1, valence - 0.5], mode="same")
            soundfile.write(folder / f"{number}.wav", 0.02 * (1 + 6 * activation) * noise / noise.std(), 16000)
            values = [f"{low + (high - low) * value:.6f}" for value in (valence, activation)]
            writer.writerow([f"{number}.wav", f"s{number % 5}", "neutral" if number % 2 else "anger", *values, ""])
    (folder / f"{name}.facts.json").write_text(json.dumps({"dimension_scale": SCALES[name]}))
    return folder / f"{name}.csv"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dimensions")
    tables = [write_csv(folder / name, name, seed) for seed, name in enumerate(SCALES)]
    words = ("--corpora", ",".join(map(str, tables)), "--leave-one-out", "--methods", "corpus-znorm")
    dimensions = ("--dimensions", ",".join(DIMENSIONS), "--", "--svm.variant", "egemaps", "--svm.c_grid", "[0.1]")
    done = cross_corpus(folder, *words, *dimensions)
    assert done.returncode == 0, done.stderr
    assert "two: values from 0 to 100" in done.stdout
    return folder, read_matrix(folder / "exp/cross-corpus/matrix.json")


def items_of(folder: Path, name: str) -> list[dict]:
    return list(map(json.loads, (folder / f"data/{name}-real/manifest.jsonl").read_text().splitlines()))


def values_of(items: list[dict]) -> np.ndarray:
    return np.array([item["vad"][:2] for item in items])


def mapped(values: np.ndarray, source: str, target: str) -> np.ndarray:
    (a, b), (c, d) = SCALES[source], SCALES[target]
    return c + (values - a) * (d - c) / (b - a)


def predicted(rows: np.ndarray, values: np.ndarray, others: np.ndarray, weights=None) -> np.ndarray:
    mean, deviation = values.mean(axis=0), values.std(axis=0)
    columns = [SVR(C=0.1, kernel="linear").fit(rows, one, weights) for one in ((values - mean) / deviation).T]
    return np.transpose([svr.predict(others) for svr in columns]) * deviation + mean


def concordance(truth: np.ndarray, found: np.ndarray) -> float:
    cross = np.mean((truth - truth.mean()) * (found - found.mean()))
    return 2 * cross / (truth.var() + found.var() + (truth.mean() - found.mean()) ** 2)


def of_cell(folder: Path, cell) -> tuple[np.ndarray, np.ndarray, list[str]]:
    rows = rows_of(folder, cell)
    truth, found = (
        [[float(row[f"{mark}{name}"]) for name in DIMENSIONS] for row in rows] for mark in ("", "predicted_")
    )
    return np.array(truth), np.array(found), [row["id"] for row in rows]


@pytest.mark.parametrize("method", ["as-trained", "corpus-znorm"])
@pytest.mark.parametrize(("source", "target"), [("one", "two"), ("two", "three"), ("one", "three")])
def test_predictions_are_those_of_another_implementation_in_units_of_the_target(made, source, target, method):
    folder, matrix = made
    items, others = items_of(folder, source), items_of(folder, target)
    rows, other_rows = features_of(folder, items), features_of(folder, others)
    test = standard(other_rows, rows) if method == "as-trained" else standard(other_rows)
    expected = mapped(predicted(standard(rows), values_of(items), test), source, target)
    (cell,) = matrix.of(train=(source,), target=target, model=ALL_DATA, method=method)
    truth, found, ids = of_cell(folder, cell)
    assert ids == [item["id"] for item in others]
    np.testing.assert_allclose(truth, values_of(others))
    width = SCALES[target][1] - SCALES[target][0]
    np.testing.assert_allclose(found, expected, atol=0.002 * width)
    for place, name in enumerate(DIMENSIONS):
        assert cell.ccc[name] == pytest.approx(concordance(truth[:, place], found[:, place]))
        low, high = cell.ccc_ci95[name]
        assert low < cell.ccc[name] < high
    assert cell.ccc_mean == pytest.approx(np.mean(list(cell.ccc.values())))
    is_mapped = SCALES[source] != SCALES[target]
    units = "predictions mapped from {:g} to {:g} to the target's {:g} to {:g}".format(*SCALES[source], *SCALES[target])
    assert cell.note == (units if is_mapped else None) and cell.uar is None and cell.n == SIZES[target]


def test_corpora_trained_together_have_the_units_of_the_first(made):
    folder, matrix = made
    joint = items_of(folder, "one+two")
    items = {name: items_of(folder, name) for name in SCALES}
    values = {name: values_of(own) for name, own in items.items()}
    by_id = {item["id"]: item["vad"][:2] for item in joint}
    for name in ("one", "two"):
        for item, own in zip(items[name], mapped(values[name], name, "one"), strict=True):
            np.testing.assert_allclose(by_id[f"{name}:{item['id']}"], own)
    names = [name for name in ("one", "two") for _ in items[name]]
    counts = Counter(names)
    weights = [len(names) / 2 / counts[name] for name in names]
    rows = features_of(folder, [*items["one"], *items["two"]])
    both = np.concatenate([values["one"], mapped(values["two"], "two", "one")])
    others = features_of(folder, items["three"])
    expected = predicted(standard(rows), both, standard(others, rows), weights)
    (cell,) = matrix.of(train=("one", "two"), target="three", model=ALL_DATA, method="as-trained")
    np.testing.assert_allclose(of_cell(folder, cell)[1], expected, atol=0.01)


def test_fold_models_have_a_mean_and_an_ensemble_and_the_diagonal_a_cross_validation(made):
    folder, matrix = made
    (mean,) = matrix.of(train=("one",), target="two", model=FOLD_MEAN)
    (ensemble,) = matrix.of(train=("one",), target="two", model=FOLD_ENSEMBLE)
    rows = rows_of(folder, mean)
    by_fold: dict[str, list[dict]] = {}
    for row in rows:
        by_fold.setdefault(row["fold"], []).append(row)
    assert len(by_fold) == 5
    for name in DIMENSIONS:
        truth = np.array([float(row[name]) for row in by_fold["1"]])
        found = [np.array([float(row[f"predicted_{name}"]) for row in own]) for own in by_fold.values()]
        assert mean.ccc[name] == pytest.approx(np.mean([concordance(truth, one) for one in found]))
        assert ensemble.ccc[name] == pytest.approx(concordance(truth, np.mean(found, axis=0)))
    assert mean.ccc_ci95 is None and "mapped from 1 to 5" in mean.note and "no interval" in mean.note
    (within,) = matrix.of(train=("two",), target="two", model=WITHIN)
    assert within.note == "protocol speaker5" and set(within.ccc) == set(DIMENSIONS)


def test_run_sh_scores_the_same_cell_of_mini_corpora(tmp_path):
    dimensions = ("valence", "activation", "dominance")
    words = ("--corpora", "IEMOCAP,MSP-IMPROV", "--methods", "as-trained", "--dimensions", ",".join(dimensions))
    keys = ("--variant", "egemaps", "--c_grid", "[0.01]")
    done = cross_corpus(tmp_path, *words, "--", *(word.replace("--", "--svm.") for word in keys))
    assert done.returncode == 0, done.stderr
    (cell,) = read_matrix(tmp_path / "exp/cross-corpus/matrix.json").of(
        train=("IEMOCAP",), target="MSP-IMPROV", model=ALL_DATA
    )
    page = (tmp_path / "exp/cross-corpus/matrix.md").read_text()
    low, high = cell.ccc_ci95["valence"]
    assert f"{cell.ccc['valence']:.3f} [{low:.3f}, {high:.3f}]" in page and "| 1 to 5 |" in page
    asked = ("--system", "svm", "--targets", "MSP-IMPROV", "--folds", "all-data", "--tag", "dims", "--jobs", "1")
    more = ("--", *keys, "--dimensions", f"[{', '.join(dimensions)}]")
    done = run(tmp_path, *asked, *more, recipe="IEMOCAP", small=False)
    assert done.returncode == 0, done.stderr
    (file,) = (tmp_path / "exp/IEMOCAP-mini/svm/dims").glob("all-data*/seed-1/cross_corpus.json")
    (target,) = json.loads(file.read_text())["targets"]
    assert target["ccc"] == pytest.approx(cell.ccc) and target["dimensions"] == list(dimensions)
    assert f"CCC of valence {cell.ccc['valence']:.3f} [{low:.3f}, {high:.3f}]" in done.stdout
    (path,) = file.parent.glob("as-trained-MSP-IMPROV-mini/predictions.csv")
    assert len(read_rows(path)) == target["n"] == cell.n
