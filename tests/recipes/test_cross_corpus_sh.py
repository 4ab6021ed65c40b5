"""cross_corpus.sh on two mini corpora: every cell against an independent computation, and what is typed again."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from recipe_runs import REPOSITORY, environment
from sklearn.metrics import confusion_matrix, recall_score
from sklearn.svm import SVC

from speechbrain_ext.evaluation.matrix import ALL_DATA, FOLD_ENSEMBLE, FOLD_MEAN, WITHIN, Cell, read_matrix
from speechbrain_ext.features.cache import FeatureCache
from speechbrain_ext.features.functionals import Functionals

pytestmark = pytest.mark.slow
CLASSES = ("anger", "disgust", "fear", "happiness", "neutral", "sadness")
NAMES = ("EmoDB", "RAVDESS")


def cross_corpus(folder: Path, *words: str) -> subprocess.CompletedProcess:
    options = ["--exp", folder / "exp", "--data", folder / "data", "--jobs", "1", *words]
    script = REPOSITORY / "recipes/shared/cross_corpus.sh"
    return subprocess.run(
        ["bash", *map(str, [script, *options])],
        env=environment(folder / "cache"),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=900,
    )


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


def rows_of(folder: Path, cell: Cell) -> list[dict[str, str]]:
    with open(folder / "exp/cross-corpus" / cell.predictions, encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def corpus(folder: Path, name: str) -> tuple[list[str], list[str], list[str], np.ndarray]:
    """Ids, labels and speakers of the shared classes, and eGeMAPS [utterance, feature] from the cache."""
    lines = (folder / f"data/{name}-mini/manifest.jsonl").read_text().splitlines()
    items = [item for item in map(json.loads, lines) if item["label"] in CLASSES]
    cache = FeatureCache(folder / "cache", Functionals(feature_set="eGeMAPSv02"))
    features = np.stack([np.array(cache.get(item["sha256"]))[0] for item in items]).astype(np.float64)
    return [item["id"] for item in items], [i["label"] for i in items], [i["speaker"] for i in items], features


def standard(rows: np.ndarray, of: np.ndarray | None = None) -> np.ndarray:
    reference = rows if of is None else of
    return np.clip((rows - reference.mean(axis=0)) / reference.std(axis=0), -10, 10)


def aligned(own: np.ndarray, its: np.ndarray) -> np.ndarray:
    """Rows with the covariance of others, by eigenvectors."""
    unit = np.eye(own.shape[1])
    values, vectors = np.linalg.eigh(np.cov(own.T) + unit)
    white = vectors @ np.diag(values**-0.5) @ vectors.T
    values, vectors = np.linalg.eigh(np.cov(its.T) + unit)
    return np.clip(own @ white @ (vectors @ np.diag(values**0.5) @ vectors.T), -10, 10)


def chosen_c(folder: Path, name: str, method: str = "") -> float:
    seed = next((folder / f"exp/{name}-mini/svm/shared-classes").glob("all-data*/seed-1"))
    return json.loads((seed / method / "fold-all-data/train_log-egemaps.jsonl").read_text())["c"]


def predicted(rows: np.ndarray, labels: Sequence[str], others: np.ndarray, c: float) -> list[str]:
    svc = SVC(C=c, kernel="linear", class_weight="balanced", break_ties=True, decision_function_shape="ovr")
    return list(svc.fit(rows, labels).predict(others))


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


def run_sh(folder: Path, *words: str) -> subprocess.CompletedProcess:
    options = ["--exp", folder / "exp", "--data", folder / "data", "--jobs", "1", "--system", "svm", *words]
    return subprocess.run(
        ["bash", *map(str, [REPOSITORY / "recipes/EmoDB/run.sh", *options, "--", "--variant", "egemaps"])],
        env=environment(folder / "cache"),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=900,
    )


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


def test_corpora_trained_together_keep_their_speakers_apart(made):
    words = ("--train-corpora", "EmoDB,RAVDESS", "--targets", "IEMOCAP", "--protocol", "speaker5", "--tag", "together")
    done = run_sh(made[0], *words)
    assert done.returncode == 0, done.stderr
    lines = (made[0] / "data/EmoDB+RAVDESS-mini/manifest.jsonl").read_text().splitlines()
    items = list(map(json.loads, lines))
    four = {"anger", "happiness", "neutral", "sadness"}
    assert {item["label"] for item in items} == four and len({item["id"] for item in items}) == len(items)
    for name in NAMES:
        own = [item for item in items if item["extra"]["corpus"] == name]
        manifest = (made[0] / f"data/{name}-mini/manifest.jsonl").read_text().splitlines()
        wanted = [item for item in map(json.loads, manifest) if item["label"] in four]
        assert {item["sha256"] for item in own} == {item["sha256"] for item in wanted} and len(own) == len(wanted)
        assert all(item[key].startswith(f"{name}:") for item in own for key in ("id", "speaker", "text_id"))
    # Both mini corpora have speakers 03 and 08: as one speaker they would be tested where they were trained on.
    assert len({item["speaker"] for item in items}) == 20
    found = json.loads(next((made[0] / "exp/EmoDB+RAVDESS-mini").rglob("cross_corpus.json")).read_text())
    assert found["train"]["corpora"] == list(NAMES) and found["train"]["edition"] == "EmoDB: mini; RAVDESS: mini"
    assert [target["model"] for target in found["targets"]] == [FOLD_MEAN, FOLD_ENSEMBLE]
    assert found["targets"][0]["map"] == {"excited": "happiness"}


def test_of_corpora_trained_together_each_weighs_the_same_and_has_its_own_mean(tmp_path):
    words = ("--corpora", "EmoDB,RAVDESS,IEMOCAP", "--leave-one-out", "--methods", "corpus-znorm,coral")
    done = cross_corpus(tmp_path, *words, "--", "--svm.variant", "egemaps", "--svm.c_grid", "[0.01]")
    assert done.returncode == 0, done.stderr
    found = read_matrix(tmp_path / "exp/cross-corpus/matrix.json")
    items = {
        name: [item for item in read_items(tmp_path, name) if item["class"] in found.classes]
        for name in (*NAMES, "IEMOCAP")
    }
    rows = {name: features_of(tmp_path, own) for name, own in items.items()}
    labels = [item["class"] for name in NAMES for item in items[name]]
    counts = {pair: labels_of(items, pair) for pair in ((name, label) for name in NAMES for label in found.classes)}
    weights = [len(labels) / len(counts) / counts[name, item["class"]] for name in NAMES for item in items[name]]
    pooled = np.concatenate([rows[name] for name in NAMES])
    each = np.concatenate([(rows[name] - rows[name].mean(axis=0)) / rows[name].std(axis=0) for name in NAMES])
    wanted = {
        "as-trained": (standard(pooled), standard(rows["IEMOCAP"], pooled)),
        "corpus-znorm": (standard(each), standard(rows["IEMOCAP"])),
        "coral": (aligned(standard(each), standard(rows["IEMOCAP"])), standard(rows["IEMOCAP"])),
    }
    for method, (train, test) in wanted.items():
        svc = SVC(C=0.01, kernel="linear", break_ties=True, decision_function_shape="ovr")
        expected = svc.fit(train, labels, weights).predict(test)
        (cell,) = found.of(train=NAMES, target="IEMOCAP", model=ALL_DATA, method=method)
        of_id = {row["id"]: row["prediction"] for row in rows_of(tmp_path, cell)}
        same = [of_id[item["id"]] == label for item, label in zip(items["IEMOCAP"], expected, strict=True)]
        assert np.mean(same) > 0.99, method
    assert {cell.train for cell in found.cells if len(cell.train) == 2} == {
        NAMES,
        ("RAVDESS", "IEMOCAP"),
        ("EmoDB", "IEMOCAP"),
    }


def read_items(folder: Path, name: str) -> list[dict]:
    """Lines of a manifest, each with its class: excited of IEMOCAP is happiness."""
    items = list(map(json.loads, (folder / f"data/{name}-mini/manifest.jsonl").read_text().splitlines()))
    for item in items:
        item["class"] = "happiness" if item["label"] == "excited" else item["label"]
    return items


def features_of(folder: Path, items: Sequence[dict]) -> np.ndarray:
    cache = FeatureCache(folder / "cache", Functionals(feature_set="eGeMAPSv02"))
    return np.stack([np.array(cache.get(item["sha256"]))[0] for item in items]).astype(np.float64)


def labels_of(items: dict[str, list[dict]], pair: tuple[str, str]) -> int:
    return sum(item["class"] == pair[1] for item in items[pair[0]])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--targets", "EmoDB"), "--targets EmoDB: it is trained on: leave it out"),
        (("--targets", "RAVDES"), "RAVDES: expected a recipe or the path of a CSV: did you mean RAVDESS?"),
        (("--train-corpora", "RAVDESS,IEMOCAP"), "expected EmoDB and at least one other corpus"),
        (("--folds", "all-data", "--dev", "speaker"), "--folds all-data: everything is trained on"),
        (("--shared-classes", "renormalise"), "--shared-classes is for --targets or --train-corpora"),
        (("--targets", "/no/such.csv"), "--targets and --train-corpora: EmoDB have no folder and the others have"),
    ],
)
def test_what_run_sh_cannot_do_with_other_corpora_is_refused(tmp_path, words, message):
    done = run_sh(tmp_path, "--tag", "refused", *words)
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr


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
    methods = ("--methods", "as-trained,corpus-znorm,coral")
    done = cross_corpus(tmp_path, "--corpora", ",".join(NAMES), "--systems", "amsnet", *methods, "--", *words)
    assert done.returncode == 0, done.stderr
    matrix = read_matrix(tmp_path / "exp/cross-corpus/matrix.json")
    for source, target in (NAMES, NAMES[::-1]):
        as_trained, znorm, coral = matrix.of(train=(source,), target=target, model=ALL_DATA)[:3]
        assert "coral does not apply to amsnet" in coral.note and coral.uar is None
        one, other = ([row["p_anger"] for row in rows_of(tmp_path, cell)] for cell in (as_trained, znorm))
        assert one != other
        root = tmp_path / f"exp/{source}-mini/amsnet/shared-classes"
        results = json.loads(next(root.glob("speaker5.dev-speaker*/seed-1/results.json")).read_text())
        done_file = next((tmp_path / f"exp/{source}-mini").rglob("all-data*/**/done-fusion.json"), None)
        spec = json.loads(next(root.glob("all-data*/seed-1/spec.json")).read_text())
        chosen = {
            phase: round(float(np.median([fold["phases"][phase]["selected_epoch"] for fold in results["folds"]])))
            for phase in ("frlm", "urlm", "fusion")
        }
        assert spec["phase_epochs"] == [f"{phase}={epochs}" for phase, epochs in chosen.items()]
        assert json.loads(done_file.read_text())["epochs"] == chosen["fusion"]
