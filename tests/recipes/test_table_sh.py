"""run.sh --table: every row of a table on the mini corpus, its plan, and what is refused."""

from __future__ import annotations

import csv
import json

import pytest
from recipe_runs import only_error, run

ROWS = ["early fusion", "FRLM", "URLM", "concat", "AMSNet"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--table", "amsnte/5"), "did you mean amsnet/5?"),
        (("--table", "amsnet/figur6"), "did you mean amsnet/figure6?"),
        (("--table", "amsnet/5", "--folds", "1"), "--folds does not go with --table"),
        (("--table", "amsnet/5", "--", "--epochs", "1"), "add --tag NAME"),
        (("--table", "amsnet/5", "--system", "amsnte"), "did you mean amsnet"),
        (("--shuffled-row",), "name a table"),
        (("--table", "amsnet/5", "--reference", "FLRM"), "--reference FLRM: did you mean FRLM"),
        (("--reference", "FRLM"), "name a table"),
        (("--tag", "table5-frlm"), "such names are for the rows of --table"),
    ],
)
def test_faults_of_the_command_line_end_with_2(tmp_path, words, message):
    done = run(tmp_path, *words, small=False)
    assert done.returncode == 2 and message in only_error(done)
    assert not list(tmp_path.iterdir())


def test_help_names_the_tables(tmp_path):
    done = run(tmp_path, "--help", small=False)
    assert "--table ID" in done.stdout and "amsnet/figure6" in done.stdout


def test_a_dry_run_prints_the_plan_and_writes_nothing(tmp_path):
    done = run(tmp_path, "--table", "amsnet/5", "--dry-run", small=False)
    assert done.returncode == 0, done.stderr
    assert "trainings to do: 25 (early 5, frlm 5, urlm 5, concat 5, fusion 5)" in done.stdout
    assert "20 shared with a row above" in done.stdout and "estimated hours: " in done.stdout
    assert "stage 0, prepare: write the synthetic mini corpus" in done.stdout and "would run" not in done.stdout
    assert "stage 4, report: " in done.stdout
    assert not list(tmp_path.iterdir())


def test_the_plan_of_a_shuffled_row_trains_its_phases_anew(tmp_path):
    done = run(tmp_path, "--table", "amsnet/5", "--shuffled-row", "--dry-run", small=False)
    assert done.returncode == 0, done.stderr
    assert "trainings to do: 40 (early 5, frlm 10, urlm 10, concat 5, fusion 10)" in done.stdout
    assert "table5-amsnet-shuffled-labels" in done.stdout


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("table")
    words = short("--table", "amsnet/5", "--stop-stage", "3")
    done = run(folder, *words, small=False)
    assert done.returncode == 0, done.stderr
    phases = len(list((folder / "exp/EmoDB-mini/phases").iterdir()))
    return folder, done, phases


def short(*words: str) -> list[str]:
    """The words of a run with a tiny network and two epochs, named `short`."""
    sizes = "--hidden_size 8 --channels [16,8,8] --reduction 4 --epochs 2 --fusion_epochs 2 --batch_size 64".split()
    return ["--tag", "short", "--jobs", "1", *words, "--", *sizes]


@pytest.mark.slow
def test_every_row_is_trained_once_and_shown_with_the_papers_number(finished_run):
    folder, done, phases = finished_run
    exp = folder / "exp/EmoDB-mini"
    place = exp / "tables"
    kinds = ("csv", "md", "pdf", "png", "tex")
    written = sorted(path.name for path in place.glob("amsnet_table5.*"))
    assert written == [f"amsnet_table5.short.random5.{kind}" for kind in kinds]
    text = (place / "amsnet_table5.short.random5.md").read_text()
    assert text.splitlines()[0].startswith("**mini corpus: synthetic") and text in done.stdout
    lines = (place / "amsnet_table5.short.random5.csv").read_text().splitlines()
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    assert [row["row"] for row in rows] == ROWS and rows[1]["paper_wa_percent"] == "84.1400"
    assert {row["paper_mark"] for row in rows} == {"paper, other corpus, other settings"} and not any(
        row["wa_difference"] for row in rows
    )
    assert {row["reference_row"] for row in rows} == {"AMSNet"} and [bool(row["p_holm"]) for row in rows] == [
        1,
        1,
        1,
        1,
        0,
    ]
    assert "- Reference row: AMSNet. 4 rows are compared with it" in text and "after Holm over 4 rows" in text
    assert phases == 10, "frlm and urlm of five folds, shared by all rows"


@pytest.mark.slow
def test_results_carry_the_numbers_of_the_row_and_the_mean_over_folds_is_shown(finished_run):
    folder, *_ = finished_run
    exp = folder / "exp/EmoDB-mini"
    results = json.loads((exp / "amsnet/table5-frlm.short/random5/seed-1/results.json").read_text())
    assert results["variant"] == "frlm" and results["row"] == "table5-frlm.short"
    assert results["paper"] is None and results["differs_from_paper"]["epochs"] == {"paper": 200, "here": 2}
    lines = (exp / "tables/amsnet_table5.short.random5.csv").read_text().splitlines()
    row = list(csv.DictReader(line for line in lines if not line.startswith("#")))[1]
    assert float(row["wa_mean_of_folds_percent"]) == pytest.approx(100 * results["mean"]["wa"], abs=1e-4)
    assert float(row["wa_low_percent"]) == pytest.approx(100 * results["pooled"]["wa_ci95"][0], abs=1e-4)


@pytest.mark.slow
def test_completed_work_is_reused_by_the_table_and_by_others(finished_run):
    folder, *_ = finished_run
    done = run(folder, *short("--table", "amsnet/5", "--dry-run"), small=False)
    assert "trainings to do: 0" in done.stdout and "25 complete already" in done.stdout
    done = run(folder, *short("--table", "amsnet/figure4", "--dry-run"), small=False)
    assert "trainings to do: 5 (fusion 5)" in done.stdout and "10 complete already" in done.stdout
    assert "estimated hours: 0.0" in done.stdout
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("done-*.json")}
    done = run(folder, *short("--table", "amsnet/5", "--stage", "2", "--stop-stage", "3"), small=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("5 of 5 folds are trained already") == len(ROWS)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("done-*.json")} == before


@pytest.mark.slow
def test_an_override_of_the_row_itself_is_refused(finished_run):
    folder, *_ = finished_run
    done = run(folder, *short("--table", "amsnet/3", "--stage", "2", "--stop-stage", "2"), small=False)
    assert done.returncode == 2 and "row r = 2 of --table amsnet/3 sets it itself" in only_error(done)


@pytest.mark.slow
def test_several_seeds_stand_in_one_row_with_their_deviation(finished_run):
    folder, *_ = finished_run
    words = short("--table", "amsnet/figure4", "--seeds", "2,3", "--stage", "1", "--stop-stage", "3")
    done = run(folder, *words, small=False)
    assert done.returncode == 0, done.stderr
    exp = folder / "exp/EmoDB-mini"
    seeds = sorted(exp.glob("amsnet/figure4-*.short/random5/seed-*/results.json"))
    assert [path.parent.name for path in seeds] == ["seed-2", "seed-3"]
    means = [json.loads(path.read_text())["mean"]["wa"] for path in seeds]
    lines = (exp / "tables/amsnet_figure4.short.random5.csv").read_text().splitlines()
    row = next(csv.DictReader(line for line in lines if not line.startswith("#")))
    assert row["seeds"] == "2 3"
    assert float(row["wa_mean_of_folds_percent"]) == pytest.approx(50 * sum(means), abs=1e-4)
    assert row["std_over"] == "seeds"
    assert float(row["wa_std_percent"]) == pytest.approx(50 * abs(means[0] - means[1]), abs=1e-4)
    text = (exp / "tables/amsnet_figure4.short.random5.md").read_text()
    assert "is the mean over seeds 2, 3; ±: standard deviation over seeds" in text
