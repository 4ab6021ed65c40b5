"""All stages of run.sh on the mini corpus, and what is left on disk."""

from __future__ import annotations

import csv
import json
import math

import pytest
from recipe_runs import run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished-run")
    done = run(folder, "--protocol", "speaker", "--folds", "03,08")
    assert done.returncode == 0, done.stderr
    return folder, done


def seed_folder(folder, row="small", protocol="speaker"):
    return folder / "exp/EmoDB-mini/amsnet" / row / protocol / "seed-1"


def test_every_stage_leaves_its_files(finished_run):
    folder, done = finished_run
    data = folder / "data/EmoDB-mini"
    assert (data / "manifest.jsonl").exists() and (data / "folds/speaker.json").exists()
    seed = seed_folder(folder)
    for name in ("predictions.csv", "results.json", "confusion.png", "confusion.pdf", "curves.png", "hyperparams.yaml"):
        assert (seed / name).stat().st_size > 100, name
    assert (seed.parent / "summary.json").exists()
    assert (folder / "exp/EmoDB-mini/report.html").stat().st_size > 10000
    assert done.stdout.count("MINI CORPUS") == 2


def test_predictions_and_results_agree(finished_run):
    folder, _ = finished_run
    results = json.loads((seed_folder(folder) / "results.json").read_text())
    with open(seed_folder(folder) / "predictions.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert results["source"] == "mini" and results["edition"] == "mini"
    assert {row["fold"] for row in rows} == {row["speaker"] for row in rows} == {"03", "08"}
    assert results["pooled"]["n"] == len(rows) == 56
    right = sum(row["label"] == row["prediction"] for row in rows)
    assert results["pooled"]["wa"] == pytest.approx(right / len(rows))
    for row in rows:
        shares = {name[2:]: float(value) for name, value in row.items() if name.startswith("p_")}
        assert math.isclose(sum(shares.values()), 1.0, abs_tol=1e-9)
        assert max(shares, key=shares.get) == row["prediction"]
    assert any("partial: 2 of 10 folds" in warning for warning in results["warnings"])


def test_shared_phases_are_stored_once_and_the_fold_names_them(finished_run):
    folder, _ = finished_run
    steps = json.loads((seed_folder(folder) / "fold-03/fold.json").read_text())["phases"]
    assert list(steps) == ["frlm", "urlm", "fusion"]
    for name in ("frlm", "urlm"):
        assert (seed_folder(folder) / "fold-03" / steps[name] / f"done-{name}.json").exists()
    assert len(list((folder / "exp/EmoDB-mini/phases").iterdir())) == 4


def test_a_second_run_repeats_no_work(finished_run):
    folder, _ = finished_run
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("done-*.json")}
    predictions = (seed_folder(folder) / "predictions.csv").stat().st_mtime_ns
    done = run(folder, "--protocol", "speaker", "--folds", "03,08")
    assert done.returncode == 0, done.stderr
    assert "features lld: 0 computed" in done.stdout and "2 of 2 folds are trained already" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("done-*.json")} == before
    assert (seed_folder(folder) / "predictions.csv").stat().st_mtime_ns == predictions


def test_another_variant_reuses_the_shared_phase(finished_run):
    from recipe_runs import SMALL, command, environment

    folder, _ = finished_run
    words = command(folder, "--protocol", "speaker", "--folds", "03", "--stage", "2", "--stop-stage", "3")
    words[words.index("small")] = "frlm"
    import subprocess

    before = sorted((folder / "exp/EmoDB-mini/phases").iterdir())
    done = subprocess.run(
        [*words, "--variant", "frlm"], env=environment(folder / "cache"), capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    assert SMALL and "1 of 1 folds are trained already" in done.stdout
    assert sorted((folder / "exp/EmoDB-mini/phases").iterdir()) == before
    results = json.loads((seed_folder(folder, "frlm") / "results.json").read_text())
    assert results["variant"] == "frlm" and results["folds"][0]["name"] == "03"


def test_a_row_made_from_other_values_is_refused_by_name(finished_run):
    from recipe_runs import command, environment

    folder, _ = finished_run
    import subprocess

    words = command(folder, "--protocol", "speaker", "--folds", "03", "--stage", "2", "--stop-stage", "2")
    done = subprocess.run(
        [*words, "--lr", "0.5"], env=environment(folder / "cache"), capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 1
    assert (
        "was made from other inputs: lr was 0.003, now 0.5: " in done.stderr
        and "--tag" in done.stderr
        and "Traceback" not in done.stderr
    )


def test_two_ranks_train_a_fold_and_one_process_scores_it(finished_run, tmp_path):
    folder, _ = finished_run
    words = ("--protocol", "speaker", "--folds", "09", "--nproc", "2", "--stop-stage", "3")
    done = run(tmp_path, *words, cache=folder / "cache")
    assert done.returncode == 0, done.stderr
    results = json.loads((seed_folder(tmp_path) / "results.json").read_text())
    assert results["folds"][0]["n_test"] == results["pooled"]["n"] == 28


@pytest.mark.parametrize(("protocol", "fold", "tested"), [("speaker", "03", 49), ("random5", "1", 107)])
def test_a_real_copy_goes_all_the_way(emodb_root, tmp_path, protocol, fold, tested):
    words = ("--corpus-root", str(emodb_root), "--protocol", protocol, "--folds", fold)
    done = run(tmp_path, *words)
    assert done.returncode == 0, done.stderr
    assert "535 utterances" in done.stdout and "MINI CORPUS" not in done.stdout
    found = tmp_path / "exp/EmoDB-real/amsnet/small" / protocol / "seed-1/results.json"
    results = json.loads(found.read_text())
    assert results["source"] == "real" and results["pooled"]["n"] == tested
    hours = json.loads((tmp_path / "data/EmoDB-real/manifest.json").read_text())["hours"]
    published = abs(hours - 0.41) < 0.01
    assert results["edition"] == (
        "counts and hours as published" if published else f"not as published: 535 utterances, {hours:.2f} h"
    )
