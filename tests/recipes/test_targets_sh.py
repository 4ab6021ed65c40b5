"""run.sh with other corpora: scored with methods, or trained together; against an independent computation."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
from cross_corpus_runs import (
    NAMES,
    aligned,
    corpus,
    cross_corpus,
    features_of,
    predicted,
    read_items,
    read_rows,
    rows_of,
    run_sh,
    standard,
)
from sklearn.metrics import recall_score
from sklearn.svm import SVC

from speechbrain_ext.evaluation.matrix import ALL_DATA, FOLD_ENSEMBLE, FOLD_MEAN, read_matrix

pytestmark = pytest.mark.slow


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
    pairs = [(name, item["class"]) for name in NAMES for item in items[name]]
    counts = Counter(pairs)
    weights = [len(pairs) / len(counts) / counts[pair] for pair in pairs]
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


def test_corpora_trained_together_keep_their_speakers_apart(tmp_path):
    words = ("--train-corpora", "EmoDB,RAVDESS", "--targets", "IEMOCAP", "--protocol", "speaker5", "--tag", "together")
    done = run_sh(tmp_path, *words)
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "data/EmoDB+RAVDESS-mini/manifest.jsonl").read_text().splitlines()
    items = list(map(json.loads, lines))
    four = {"anger", "happiness", "neutral", "sadness"}
    assert {item["label"] for item in items} == four and len({item["id"] for item in items}) == len(items)
    for name in NAMES:
        own = [item for item in items if item["extra"]["corpus"] == name]
        manifest = (tmp_path / f"data/{name}-mini/manifest.jsonl").read_text().splitlines()
        wanted = [item for item in map(json.loads, manifest) if item["label"] in four]
        assert {item["sha256"] for item in own} == {item["sha256"] for item in wanted} and len(own) == len(wanted)
        assert all(item[key].startswith(f"{name}:") for item in own for key in ("id", "speaker", "text_id"))
    # Both mini corpora have speakers 03 and 08: as one speaker they would be tested where they were trained on.
    assert len({item["speaker"] for item in items}) == 20
    found = json.loads(next((tmp_path / "exp/EmoDB+RAVDESS-mini").rglob("cross_corpus.json")).read_text())
    assert found["train"]["corpora"] == list(NAMES) and found["train"]["edition"] == "EmoDB: mini; RAVDESS: mini"
    assert [target["model"] for target in found["targets"]] == [FOLD_MEAN, FOLD_ENSEMBLE]
    assert found["targets"][0]["map"] == {"excited": "happiness"}


def test_models_of_folds_are_scored_with_every_method(tmp_path):
    words = ("--targets", "RAVDESS", "--protocol", "speaker5", "--tag", "methods")
    done = run_sh(tmp_path, *words, "--methods", "all", "--stop-stage", "4", more=("--c_grid", "[0.01]"))
    assert done.returncode == 0, done.stderr
    (file,) = (tmp_path / "exp/EmoDB-mini/svm/methods").glob("speaker5*/seed-1/cross_corpus.json")
    found = json.loads(file.read_text())["targets"]
    methods = ("as-trained", "corpus-znorm", "speaker-znorm", "coral")
    assert [(cell["method"], cell["model"]) for cell in found] == [
        (method, model) for method in methods for model in (FOLD_MEAN, FOLD_ENSEMBLE)
    ]
    assert [cell["transductive"] for cell in found[::2]] == [False, True, True, True]
    assert "EmoDB -> RAVDESS, deep-coral: deep-coral does not apply to svm: it is for networks" in done.stdout
    ids, labels, _, rows = corpus(tmp_path, "EmoDB")
    targets, truth, _, others = corpus(tmp_path, "RAVDESS")
    folds = json.loads(next((tmp_path / "data/EmoDB-mini/folds").glob("speaker5*.json")).read_text())["folds"]
    uars: dict[str, list[float]] = {method: [] for method in methods}
    for fold in folds:
        inside = [place for place, name in enumerate(ids) if name in fold["train"]]
        train, own = rows[inside], [labels[place] for place in inside]
        wanted = {
            "as-trained": predicted(standard(train), own, standard(others, train), 0.01),
            "corpus-znorm": predicted(standard(train), own, standard(others), 0.01),
            "coral": predicted(aligned(standard(train), standard(others)), own, standard(others), 0.01),
        }
        for method, expected in wanted.items():
            (path,) = file.parent.glob(f"{method}-RAVDESS-mini/predictions.csv")
            of_id = {row["id"]: row["prediction"] for row in read_rows(path) if row["fold"] == fold["name"]}
            same = [of_id[name] == label for name, label in zip(targets, expected, strict=True)]
            assert np.mean(same) > 0.99, method
            uars[method].append(recall_score(truth, [of_id[name] for name in targets], average="macro"))
    for cell in found:
        if cell["model"] == FOLD_MEAN and cell["method"] != "speaker-znorm":
            assert cell["uar"] == pytest.approx(np.mean(uars[cell["method"]]))
    assert "On other corpora" in (tmp_path / "exp/EmoDB-mini/report.html").read_text(), "the page has this run's scores"


def test_the_plan_of_targets_counts_the_adapted_models_and_prepares_what_it_needs(tmp_path):
    words = ("--targets", "RAVDESS,IEMOCAP", "--folds", "all-data", "--tag", "plan", "--dry-run")
    done = run_sh(tmp_path, *words, "--methods", "corpus-znorm,speaker-znorm,coral,dann")
    assert done.returncode == 0, done.stderr
    assert "prepare RAVDESS (mini): the shared classes follow from its labels" in done.stdout
    assert "shared classes: anger, happiness, neutral, sadness" in done.stdout
    # speaker-znorm once, coral for each target.
    assert "stage 4, adapted models: 3 runs" in done.stdout and "trainings to do: 3" in done.stdout
    assert "dann does not apply to svm: it is for networks" in done.stdout
    assert not (tmp_path / "exp").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--targets", "EmoDB"), "--targets EmoDB: it is trained on: leave it out"),
        (("--targets", "RAVDES"), "RAVDES: expected a recipe or the path of a CSV: did you mean RAVDESS?"),
        (("--train-corpora", "RAVDESS,IEMOCAP"), "expected EmoDB and at least one other corpus"),
        (("--folds", "all-data", "--dev", "speaker"), "--folds all-data: everything is trained on"),
        (("--methods", "coral"), "--methods is for --targets: name some, or leave it out"),
        (("--targets", "RAVDESS", "--methods", "corall"), "--methods corall: did you mean coral"),
        (("--shared-classes", "renormalise"), "--shared-classes is for --targets or --train-corpora"),
        (("--targets", "/no/such.csv"), "--targets and --train-corpora: EmoDB have no folder and the others have"),
    ],
)
def test_what_run_sh_cannot_do_with_other_corpora_is_refused(tmp_path, words, message):
    done = run_sh(tmp_path, "--tag", "refused", *words)
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr
