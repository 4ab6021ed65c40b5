"""cross_corpus.sh on two mini corpora: every cell against an independent computation, and what is typed again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from cross_corpus_runs import CLASSES, NAMES, aligned, corpus, cross_corpus, predicted, rows_of, run_sh, standard
from sklearn.metrics import confusion_matrix, recall_score

from speechbrain_ext.evaluation.matrix import ALL_DATA, FOLD_ENSEMBLE, FOLD_MEAN, WITHIN, read_matrix

pytestmark = pytest.mark.slow


SVM = ("--corpora", ",".join(NAMES), "--systems", "svm", "--", "--svm.variant", "egemaps")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("matrix")
    done = cross_corpus(folder, *SVM)
    assert done.returncode == 0, done.stderr
    return folder, done


@pytest.fixture(scope="module")
def matrix(made):
    return read_matrix(made[0] / "exp/cross-corpus/matrix.json")


def chosen_c(folder: Path, name: str, method: str = "") -> float:
    seed = next((folder / f"exp/{name}-mini/svm/shared-classes").glob("all-data*/seed-1"))
    return json.loads((seed / method / "fold-all-data/train_log-egemaps.jsonl").read_text())["c"]


def test_every_pair_has_every_method_and_the_diagonal_its_cross_validation(matrix):
    assert matrix.classes == CLASSES and matrix.names == list(NAMES)
    methods = ["as-trained", "corpus-znorm", "speaker-znorm", "coral"]
    for source, target in (NAMES, NAMES[::-1]):
        found = matrix.of(train=(source,), target=target, model=ALL_DATA)
        assert [cell.method for cell in found if cell.uar is not None] == methods
        assert [cell.transductive for cell in found if cell.method in methods] == [False, True, True, True]
        for model in (FOLD_MEAN, FOLD_ENSEMBLE):
            assert [cell.method for cell in matrix.of(train=(source,), target=target, model=model)] == ["as-trained"]
        (within,) = matrix.of(train=(source,), target=source)
        assert within.model == WITHIN and within.is_within


def test_scores_are_those_of_the_predictions(made, matrix):
    for cell in matrix.cells:
        if cell.uar is None:
            assert "does not apply" in cell.note
            continue
        rows = rows_of(made[0], cell)
        folds = sorted({row["fold"] for row in rows})
        if cell.model == FOLD_MEAN:
            own = [[row for row in rows if row["fold"] == fold] for fold in folds]
            uars = [
                recall_score(*zip(*((r["label"], r["prediction"]) for r in one), strict=True), average="macro")
                for one in own
            ]
            assert cell.uar == pytest.approx(np.mean(uars)) and cell.uar_ci95 is None and len(folds) == 5
            continue
        if cell.model == FOLD_ENSEMBLE:
            by_id: dict[str, list[np.ndarray]] = {}
            for row in rows:
                by_id.setdefault(row["id"], []).append(np.array([float(row[f"p_{name}"]) for name in CLASSES]))
            label = {row["id"]: row["label"] for row in rows}
            truth = [label[name] for name in by_id]
            found = [CLASSES[int(np.mean(all_, axis=0).argmax())] for all_ in by_id.values()]
        else:
            truth, found = [row["label"] for row in rows], [row["prediction"] for row in rows]
        assert cell.uar == pytest.approx(recall_score(truth, found, average="macro")) and cell.n == len(truth) == 240
        assert np.array_equal(cell.confusion, confusion_matrix(truth, found, labels=CLASSES))
        assert cell.uar_ci95[0] < cell.uar < cell.uar_ci95[1]


@pytest.mark.parametrize(("source", "target"), [NAMES, NAMES[::-1]])
def test_predictions_are_those_of_another_implementation(made, matrix, source, target):
    folder = made[0]
    _, labels, speakers, rows = corpus(folder, source)
    ids, _, target_speakers, others = corpus(folder, target)

    def by_speaker(names: list[str], features: np.ndarray) -> np.ndarray:
        found = features.copy()
        for name in set(names):
            own = [place for place, each in enumerate(names) if each == name]
            found[own] = (features[own] - features[own].mean(axis=0)) / features[own].std(axis=0)
        return found

    c = chosen_c(folder, source)
    of_speakers = by_speaker(speakers, rows)
    wanted = {
        "as-trained": predicted(standard(rows), labels, standard(others, rows), c),
        "corpus-znorm": predicted(standard(rows), labels, standard(others), c),
        "speaker-znorm": predicted(
            standard(of_speakers),
            labels,
            standard(by_speaker(target_speakers, others), of_speakers),
            chosen_c(folder, source, "speaker-znorm"),
        ),
        "coral": predicted(
            aligned(standard(rows), standard(others)),
            labels,
            standard(others),
            chosen_c(folder, source, f"coral-{target}-mini"),
        ),
    }
    for method, expected in wanted.items():
        (cell,) = matrix.of(train=(source,), target=target, model=ALL_DATA, method=method)
        found = {row["id"]: row["prediction"] for row in rows_of(folder, cell)}
        same = [found[name] == label for name, label in zip(ids, expected, strict=True)]
        assert np.mean(same) > 0.99, method  # a tie may fall on either side


def test_typed_again_nothing_is_trained_and_nothing_changes(made, matrix):
    folder = made[0]
    files = sorted(
        path for path in (folder / "exp").rglob("*") if path.name == "predictions.csv" or path.suffix == ".npz"
    )
    before = {path: path.stat().st_mtime_ns for path in files}
    done = cross_corpus(folder, *SVM)
    assert done.returncode == 0, done.stderr
    assert not any("utterances, " in line and line.startswith("train: seed") for line in done.stdout.splitlines())
    assert {path: path.stat().st_mtime_ns for path in files} == before and len(before) > 12
    assert read_matrix(folder / "exp/cross-corpus/matrix.json") == matrix


def test_the_plan_says_what_is_reused(made):
    done = cross_corpus(made[0], "--dry-run", *SVM)
    assert done.returncode == 0, done.stderr
    assert "shared classes: anger, disgust, fear, happiness, neutral, sadness" in done.stdout
    assert "svm: 8 runs on 2 corpora" in done.stdout and "trainings to do: 0" in done.stdout


def test_run_sh_with_targets_gives_the_cell_of_the_matrix(made, matrix):
    done = run_sh(made[0], "--targets", "RAVDESS", "--folds", "all-data", "--tag", "targets")
    assert done.returncode == 0, done.stderr
    (file,) = (made[0] / "exp/EmoDB-mini/svm/targets").glob("all-data*/seed-1/cross_corpus.json")
    found = json.loads(file.read_text())
    (target,) = found["targets"]
    (cell,) = matrix.of(train=("EmoDB",), target="RAVDESS", model=ALL_DATA, method="as-trained")
    assert found["train"]["corpora"] == ["EmoDB"] and target["corpus"] == "RAVDESS" and target["source"] == "mini"
    assert (target["n"], target["uar"], target["wa"]) == (cell.n, cell.uar, cell.wa)
    assert target["classes"] == list(CLASSES) and target["transductive"] is False and target["map"] == {}
    assert "EmoDB -> RAVDESS, svm, all-data, as-trained: UAR" in done.stdout
    assert "a model of all data has no score of its own" in done.stdout


def test_a_network_is_scored_with_the_epochs_of_its_own_cross_validation(tmp_path):
    keys = {
        "hidden_size": 4,
        "channels": "[8, 4, 4]",
        "reduction": 2,
        "epochs": 3,
        "fusion_epochs": 3,
        "batch_size": 64,
    }
    words = [word for key, value in keys.items() for word in (f"--amsnet.{key}", str(value))]
    methods = ("--methods", "as-trained,corpus-znorm,coral,dann@0.3,adabn")
    asked = ("--corpora", ",".join(NAMES), "--systems", "amsnet", *methods)
    planned = cross_corpus(tmp_path, *asked, "--dry-run", "--", *words)
    assert "planned with all epochs: no cross-validation has chosen fewer yet" in planned.stdout
    done = cross_corpus(tmp_path, *asked, "--", *words)
    assert done.returncode == 0, done.stderr
    planned = cross_corpus(tmp_path, *asked, "--dry-run", "--", *words)
    assert "trainings to do: 0\n" in planned.stdout, "the plan knows the epochs that were chosen"
    matrix = read_matrix(tmp_path / "exp/cross-corpus/matrix.json")
    for source, target in (NAMES, NAMES[::-1]):
        cells = {cell.method: cell for cell in matrix.of(train=(source,), target=target, model=ALL_DATA)}
        coral = cells.pop("coral")
        assert "coral does not apply to amsnet" in coral.note and coral.uar is None
        found = {name: tuple(row["p_anger"] for row in rows_of(tmp_path, cell)) for name, cell in cells.items()}
        assert list(found) == ["as-trained", "corpus-znorm", "dann@0.3", "adabn"]
        assert len(set(found.values())) == 4, "each method predicts otherwise"
        assert [cell.transductive for cell in cells.values()] == [False, True, True, True]
        root = tmp_path / f"exp/{source}-mini/amsnet/shared-classes"
        results = json.loads(next(root.glob("speaker5.dev-speaker*/seed-1/results.json")).read_text())
        done_file = next((tmp_path / f"exp/{source}-mini").rglob("all-data*/**/done-fusion.json"), None)
        spec = json.loads(next(root.glob("all-data*/seed-1/spec.json")).read_text())
        chosen = {
            phase: round(float(np.median([fold["phases"][phase]["selected_epoch"] for fold in results["folds"]])))
            for phase in ("frlm", "urlm", "fusion")
        }
        adapted = json.loads(next(root.glob("all-data*/seed-1/dann@0.3-*/spec.json")).read_text())
        for each in (spec, adapted):
            assert each["phase_epochs"] == [f"{phase}={epochs}" for phase, epochs in chosen.items()]
        assert json.loads(done_file.read_text())["epochs"] == chosen["fusion"]
