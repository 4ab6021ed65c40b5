"""Results on dimensions: predictions.csv, results.json, summary.json, RESULTS.md, figures and the page."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from report_folders import PAPER, plausible_results, sum_up, write_run
from scipy.stats import pearsonr
from sklearn.metrics import mean_absolute_error
from test_report_page import Page
from value_folders import DIMENSIONS, value_results, value_rows, write_value_run

from speechbrain_ext.evaluation.comparability import comparison_card, differences, paper_card, why_not_comparable
from speechbrain_ext.evaluation.predictions import read_predictions, write_predictions
from speechbrain_ext.evaluation.results import make_summary
from speechbrain_ext.evaluation.results_files import read_results
from speechbrain_ext.evaluation.results_json import results_from_json, results_to_json
from speechbrain_ext.evaluation.targets import Dimensions
from speechbrain_ext.metrics.jackknife import concordance_jackknife
from speechbrain_ext.report.figures.figures import build_curves, build_scatter
from speechbrain_ext.report.page import write_report
from speechbrain_ext.report.results_md import keep, results_md
from speechbrain_ext.utils.errors import UserError

TARGET = Dimensions(tuple(DIMENSIONS))


def concordance_of(truth, found) -> float:
    x, y = np.std(truth), np.std(found)
    return pearsonr(truth, found)[0] * 2 * x * y / (x**2 + y**2 + (np.mean(truth) - np.mean(found)) ** 2)


def test_predictions_read_back_exactly_and_sorted(tmp_path: Path) -> None:
    rows, path = value_rows(), tmp_path / "predictions.csv"
    write_predictions(path, rows[::-1], TARGET)
    again, target = read_predictions(path)
    assert target == TARGET and again == sorted(rows, key=lambda row: (row.fold, row.id))
    head, first = path.read_text(encoding="utf-8").splitlines()[:2]
    known = "valence,activation,dominance"
    assert head == f"id,fold,speaker,{known},predicted_valence,predicted_activation,predicted_dominance"
    assert first.split(",")[:3] == [again[0].id, again[0].fold, again[0].speaker]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"values": (1.0, 2.0)}, "expected 3 true values, found 2"),
        ({"predicted": (1.0, 2.0, float("nan"))}, "expected finite predicted values"),
        ({"id": value_rows()[10].id, "fold": value_rows()[10].fold}, "expected each utterance once"),
    ],
)
def test_a_wrong_row_is_not_written(tmp_path: Path, changes: dict, told: str) -> None:
    rows = value_rows()
    rows[0] = replace(rows[0], **changes)
    with pytest.raises(ValueError, match=told):
        write_predictions(tmp_path / "predictions.csv", rows, TARGET)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda text: text[:-5], "a file cut off"),
        (lambda text: text.replace("predicted_valence", "valence", 1), "expected the columns"),
        (lambda text: text.replace("id,fold", "fold,id", 1), "expected the columns"),
        (lambda text: text.replace("\n", ",1\n").replace("dominance,1", "dominance", 2), "line 2: not a prediction"),
        (lambda text: text + text.splitlines()[-1] + "\n", "expected each utterance once"),
        (lambda text: "", "a file cut off"),
        (lambda text: "\n", "expected the columns"),
    ],
)
def test_a_spoilt_table_is_told_in_one_line(tmp_path: Path, spoil, told: str) -> None:
    path = tmp_path / "predictions.csv"
    write_predictions(path, value_rows(), TARGET)
    path.write_text(spoil(path.read_text()))
    with pytest.raises(UserError, match=told) as fault:
        read_predictions(path)
    assert "\n" not in str(fault.value) and "--stage 3" in str(fault.value)


def test_scores_are_those_of_scipy_and_scikit_learn() -> None:
    results, rows = results_to_json(value_results()), value_rows()
    speakers = [row.speaker for row in rows]
    for place, name in enumerate(DIMENSIONS):
        truth, found = ([getattr(row, key)[place] for row in rows] for key in ("values", "predicted"))
        pooled = results["pooled"]
        assert pooled["ccc"][name] == pytest.approx(concordance_of(truth, found))
        assert pooled["pearson"][name] == pytest.approx(pearsonr(truth, found)[0])
        assert pooled["mae"][name] == pytest.approx(mean_absolute_error(truth, found))
        # The order of the rows decides how sums round.
        assert pooled["ccc_ci95"][name] == pytest.approx(list(concordance_jackknife(truth, found, speakers).interval))
        by_fold = []
        for fold in results["folds"]:
            own = [row for row in rows if row.fold == fold["name"]]
            truth, found = ([getattr(row, key)[place] for row in own] for key in ("values", "predicted"))
            assert fold["ccc"][name] == pytest.approx(concordance_of(truth, found))
            assert fold["mae"][name] == pytest.approx(mean_absolute_error(truth, found))
            by_fold.append(fold["ccc"][name])
        assert results["mean"]["ccc"][name] == pytest.approx(np.mean(by_fold))
        assert results["mean"]["ccc_std"][name] == pytest.approx(np.std(by_fold))
    assert results["pooled"]["ccc_mean"] == pytest.approx(np.mean(list(results["pooled"]["ccc"].values())))
    means = [np.mean(list(fold["ccc"].values())) for fold in results["folds"]]
    assert results["mean"]["ccc_mean"] == pytest.approx(np.mean(means))
    assert results["mean"]["ccc_mean_std"] == pytest.approx(np.std(means))
    assert json.loads(json.dumps(results, allow_nan=False)) == results
    assert results_from_json(results) == value_results()


def test_keys_are_those_of_classes_but_for_the_target() -> None:
    ours, classes = results_to_json(value_results()), results_to_json(plausible_results())
    assert [key for key in ours if key not in ("target", "dimensions")] == [key for key in classes if key != "classes"]
    assert ours["target"] == "dimensions" and "target" not in classes
    assert "classes" not in ours and ours["dimensions"] == DIMENSIONS


def test_seeds_are_summed_up() -> None:
    seeds = [value_results(seed=seed) for seed in (3, 1)]
    summary = make_summary(seeds)
    assert summary.seeds == (1, 3) and summary.target == TARGET
    one, two = (seeds[number].pooled["ccc.valence"].value for number in (1, 0))
    found = summary.pooled["ccc.valence"]
    assert found.value == pytest.approx((one + two) / 2) and found.std == pytest.approx(abs(one - two) / 2)
    assert found.of_seeds == (one, two)
    for other in (value_results(["valence"], seed=1), plausible_results(row="dims")):
        with pytest.raises(UserError, match="seeds differ in target"):
            make_summary([seeds[0], other])


def test_it_is_never_comparable_with_classes_or_a_paper() -> None:
    ours, classes = value_results(), plausible_results(row="dims")
    assert "target: dimensions against classes" in differences(comparison_card(ours), comparison_card(classes))
    assert "target: dimensions against classes" in differences(comparison_card(ours), paper_card("speaker"))
    assert differences(comparison_card(ours), comparison_card(value_results(seed=2))) == []
    assert differences(comparison_card(ours), comparison_card(value_results(["valence"])))
    assert ("Dimensions", "valence, activation, dominance") in ours.card
    assert why_not_comparable(ours)


def test_kept_results_stand_in_a_table_of_their_own(tmp_path: Path) -> None:
    recipe = tmp_path / "recipes/EmoDB"
    recipe.mkdir(parents=True)
    keep(write_run(tmp_path / "a", paper=PAPER), recipe)
    of_classes = results_md(recipe)
    for seed in (1, 2):
        keep(write_value_run(tmp_path / "b", seed=seed), recipe)
    keep(write_value_run(tmp_path / "c", row="one", dimensions=["activation"]), recipe)
    text = results_md(recipe)
    table = [line for line in of_classes.splitlines() if line.startswith("|")]
    assert "\n".join(table) in text, "the table of classes is what it was"
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")
    ]
    head = next(number for number, row in enumerate(rows) if "CCC valence, pooled [95 %]" in row)
    assert len({len(row) for row in rows[head:]}) == 1
    _, *seeds, one = rows[head + 1 :]
    assert [row[8] for row in seeds] == ["1", "2", "mean ± std of 1, 2"] and all(row[2] == "dims" for row in seeds)
    pooled, mean = (results_to_json(value_results())[part] for part in ("pooled", "mean"))
    low, high = pooled["ccc_ci95"]["dominance"]
    assert seeds[0][5] == f"{pooled['ccc']['dominance']:.3f} [{low:.3f}, {high:.3f}]"
    assert seeds[0][6:8] == [f"{pooled['ccc_mean']:.3f}", f"{mean['ccc_mean']:.3f} ± {mean['ccc_mean_std']:.3f}"]
    assert "±" in seeds[2][3] and one[2] == "one" and one[3] == one[5] == "–" and one[4] != "–"
    rule = next(line for line in text.splitlines()[::-1] if line.startswith("| --- "))
    assert rule.count("|") == len(rows[head]) + 1
    assert "concordance correlation coefficient" in text and "concordance" not in of_classes


def test_a_protocol_with_dimensions_alone_has_no_table_of_classes(tmp_path: Path) -> None:
    recipe = tmp_path / "recipes/EmoDB"
    recipe.mkdir(parents=True)
    kept = keep(write_value_run(tmp_path), recipe)
    assert kept.name == "amsnet.dims.speaker.seed1.json" and read_results(kept).has_dimensions
    assert "WA, pooled [95 %]" not in results_md(recipe) and "CCC valence" in results_md(recipe)


def test_figures_show_every_utterance_and_the_line_of_equality() -> None:
    results, rows = value_results(source="mini"), value_rows()
    figure = build_scatter(results, rows)
    assert [axes.get_xlabel() for axes in figure.axes] == [f"true {name}" for name in DIMENSIONS]
    assert any("synthetic" in text.get_text() for text in figure.texts)
    for number, axes in enumerate(figure.axes):
        line, points = axes.lines
        assert np.array_equal(line.get_xdata(), line.get_ydata())
        found = np.sort([row.predicted[number] for row in rows])
        assert np.array_equal(np.sort(points.get_ydata()), found)
        truth = np.array([row.values[number] for row in sorted(rows)])
        assert np.abs(points.get_xdata() - truth).max() < 0.06
        assert f"{results.pooled[f'ccc.{DIMENSIONS[number]}'].value:.3f}" in axes.get_title()
    assert not any("synthetic" in text.get_text() for text in build_scatter(value_results(), rows).texts)


def test_curves_of_ccc_have_a_panel_of_their_own() -> None:
    history = {"a": [{"epoch": 1, "phase_name": "s", "train_loss": 0.9, "dev_ccc": 0.5}]}
    loss, ccc = build_curves(history, "", "real").axes
    assert (loss.get_ylabel(), ccc.get_ylabel()) == ("loss", "CCC")
    assert ccc.lines[-1].get_ydata().tolist() == [0.5]


def test_the_same_content_makes_the_same_files(tmp_path: Path) -> None:
    one, two = (write_value_run(tmp_path / name, history=True) for name in "ab")
    for name in "ab":
        write_report(tmp_path / name / "EmoDB-real", tmp_path / f"{name}.html")
    for name in ("scatter.png", "scatter.pdf", "curves.png", "predictions.csv", "results.json", "figures.json"):
        assert (one / name).read_bytes() == (two / name).read_bytes()


@pytest.fixture
def page(tmp_path: Path, small_figures: None) -> Page:
    """A page of a run on classes, two seeds on dimensions, and one on a single dimension."""
    write_run(tmp_path, protocol="speaker")
    for seed in (1, 2):
        folder = write_value_run(tmp_path, history=seed == 1, seed=seed)
    sum_up(folder)
    write_value_run(tmp_path, row="one", dimensions=["activation"], warnings=["few <i>steps</i>"])
    write_report(tmp_path / "EmoDB-real", tmp_path / "report.html")
    return Page((tmp_path / "report.html").read_text(encoding="utf-8"))


def test_the_page_shows_runs_on_dimensions_beside_those_on_classes(page: Page) -> None:
    pooled = results_to_json(value_results())["pooled"]
    assert "4 runs of 1 system" in page.text and "UAR (the papers' UA)" in page.text and "CCC: concordance" in page.text
    low, high = pooled["ccc_ci95"]["activation"]
    assert page.text.count(f"{pooled['ccc']['activation']:.3f} [{low:.3f}, {high:.3f}]") == 2
    assert f"{pooled['mae']['valence']:.3f}" in page.text and f"{pooled['pearson']['valence']:.3f}" in page.text
    assert "Runs on dimensions in place of classes" in page.text and "few <i>steps</i>" in page.text
    assert "On dimensions, over seeds" in page.text and "Dimensions valence, activation, dominance" in page.text
    alts = [image["alt"] for image in page.all("img")]
    assert sum(alt.startswith("True against predicted values") for alt in alts) == 3
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = [link["href"][1:] for link in page.all("a") if link["href"].startswith("#")]
    assert set(targets) <= set(ids) and len([one for one in targets if one.startswith("run-")]) == 8


def test_a_page_of_dimensions_alone_has_no_words_about_classes(tmp_path: Path, small_figures: None) -> None:
    write_value_run(tmp_path, source="mini", edition="mini corpus")
    write_report(tmp_path / "EmoDB-mini", tmp_path / "report.html")
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "UAR" not in page.text and "Synthetic mini corpus" in page.text
    assert not (tmp_path / "report.overview.pdf").exists()
