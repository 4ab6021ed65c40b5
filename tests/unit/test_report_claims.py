"""What a report may not claim: intervals of one speaker, deviations of one fold, epochs of an SVM, ties as lowest."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.text
import numpy as np
import pytest
from report_folders import (
    CLASSES,
    PAPER,
    edited,
    facts,
    fold_facts,
    plausible_history,
    plausible_rows,
    write_folder,
)
from sklearn.metrics import accuracy_score, recall_score
from test_report_page import Page
from value_folders import DIMENSIONS, value_rows

from speechbrain_ext.analysis.tsne_figure import Panel, build_tsne
from speechbrain_ext.evaluation.breakdown import SpeakerScores, by_class, by_speaker, worst_speaker
from speechbrain_ext.evaluation.coverage import measured_coverage
from speechbrain_ext.evaluation.evaluate import print_scores
from speechbrain_ext.evaluation.records import Results
from speechbrain_ext.evaluation.results import make_results
from speechbrain_ext.evaluation.targets import Classes, Dimensions, Prediction
from speechbrain_ext.report.figures.bars import build_speakers
from speechbrain_ext.report.figures.figures import build_confusion, build_curves, build_scatter
from speechbrain_ext.report.figures.overview import build_forest
from speechbrain_ext.report.page import write_report
from speechbrain_ext.report.results_md import keep, results_md

BRACKETS = re.compile(r"\[\d+\.\d+, ")
DIFFERS = {"epochs": {"paper": 200, "here": 1}, "protocol": {"paper": "random5", "here": "speaker"}}


def run_of(speakers: list[str], **changes: Any) -> tuple[Results, list[Prediction]]:
    """Results on classes of some speakers only, each in a fold of its own."""
    rows = [row for row in plausible_rows() if row.speaker in speakers]
    return make_results(rows, facts(**{"warnings": [], **changes}), fold_facts(rows)), rows


def value_run_of(speakers: list[str]) -> tuple[Results, list[Prediction]]:
    rows = [row for row in value_rows() if row.speaker in speakers]
    known = facts(Dimensions(tuple(DIMENSIONS)), row="dims", warnings=[])
    return make_results(rows, known, fold_facts(rows)), rows


def page_of(exp: Path) -> Page:
    write_report(exp / "EmoDB-real", exp / "report.html")
    return Page((exp / "report.html").read_text(encoding="utf-8"))


def figure_text(figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))


def test_one_speaker_and_one_fold_have_no_interval_and_no_deviation_anywhere(tmp_path, capsys):
    results, rows = run_of(["08"])
    values, value_predictions = value_run_of(["08"])
    assert results.pooled["wa"].interval is results.pooled["uar"].interval is None
    assert results.mean["wa"].std is results.mean["uar"].std is None
    assert {score.interval for score in values.pooled.scores.values()} == {None}
    assert {score.std for score in values.mean.values()} == {None} and "ccc_mean" in values.mean
    folders = [write_folder(tmp_path, results, rows), write_folder(tmp_path, values, value_predictions)]
    recipe = tmp_path / "recipes/EmoDB"
    recipe.mkdir(parents=True)
    for folder in folders:
        keep(folder, recipe)
    for one in (results, values):
        print_scores(one)
    told = capsys.readouterr().out
    shown = [figure_text(build_confusion(results)), figure_text(build_scatter(values, value_predictions))]
    shown += [figure_text(build_forest([results])), told, results_md(recipe), page_of(tmp_path).text]
    for text in shown:
        assert not BRACKETS.search(text) and "± 0.0" not in text and not re.search(r"± \d", text), text
    for text in shown[3:]:
        assert "One speaker: 1 was tested, so that there is no interval over speakers." in text
    assert "interval over speakers" not in shown[2]
    lines = build_forest([results]).axes[0].lines
    assert not any(line.get_linewidth() == 2 for line in lines) and [line for line in lines if line.get_marker() == "s"]


@pytest.mark.parametrize(("count", "warned"), [(2, True), (5, True), (6, False)])
def test_below_six_speakers_the_interval_is_there_with_a_warning(tmp_path, capsys, count, warned):
    results, rows = run_of(["03", "08", "09", "10", "11", "12"][:count])
    write_folder(tmp_path, results, rows)
    print_scores(results)
    told = (
        f"Few speakers: {count} were tested, so that intervals over speakers are wide, and no comparison of systems "
        "over speakers can reach p = 0.05 (it takes 6)."
    )
    assert results.few_speakers == (told if warned else "")
    for text in (capsys.readouterr().out, page_of(tmp_path).text):
        assert (told in text) == warned and BRACKETS.search(text)
        wa, uar = (measured_coverage(score, count).text for score in ("wa", "uar"))
        assert f"In simulations with {count} speakers the 95 % intervals cover: WA {wa}, UAR {uar}." in text


def test_a_run_with_other_settings_is_marked_and_stands_without_the_paper(tmp_path):
    recipe = tmp_path / "recipes/EmoDB"
    recipe.mkdir(parents=True)
    speakers = ["03", "08", "09", "10", "11", "12"]
    results, rows = run_of(speakers, paper=PAPER)
    keep(write_folder(tmp_path, results, rows), recipe)
    changed, _ = run_of(speakers, row="short", paper=PAPER, differs_from_paper=DIFFERS)
    keep(write_folder(tmp_path, changed, rows), recipe)
    text, page = results_md(recipe), page_of(tmp_path).text
    told = "settings: not the preset paper (key: its value -> this run's value): epochs: 200 -> 1; protocol: random5"
    assert text.count("| Paper |") == 1 and "| short ‡ |" in text and "| default |" in text and told in text
    assert "amsnet, short ‡" in page and page.count("Paper, amsnet/5") == 1 and told[1:] in page
    assert "‡: settings differ from the preset paper" in text and "‡: settings differ from the preset paper" in page


def test_an_svm_shows_no_epochs_no_curves_and_no_layer(tmp_path):
    results, rows = run_of(["03", "08", "09", "10", "11", "12"], system="svm")
    steps = {"compare": {"epochs": 1, "selected_epoch": 1, "optimizer_steps": 0, "train_seconds": 2.5}}

    def fit_at_once(record: dict[str, Any]) -> None:
        for fold in record["folds"]:
            fold |= {"optimizer_steps": 0, "phases": steps, "epochs": 1}

    results = edited(results, fit_at_once)
    history = {fold.name: [{"epoch": 1, "phase_name": "compare", "train_uar": 0.9}] for fold in results.folds}
    folder = write_folder(tmp_path, results, rows, history)
    (folder / "curves.png").write_bytes(b"left by an earlier version")
    page = page_of(tmp_path)
    assert (folder / "confusion.png").exists()
    assert "fitted in " in page.text and "poch" not in page.text and "Model selection" not in page.text
    assert not any("Curves of training" in image["alt"] for image in page.all("img"))
    assert not [name for name, value in results.card if name == "Training" or "optimiser" in value]
    recipe = tmp_path / "recipes/EmoDB"
    recipe.mkdir(parents=True)
    keep(folder, recipe)
    [row] = [line.split("|") for line in results_md(recipe).splitlines() if line.startswith("| Here |")]
    assert [cell.strip() for cell in row[9:11]] == ["–", "–"]
    points, labels = np.zeros((6, 2)), np.array(CLASSES[:6])
    panel = Panel(results, "embedding", "03", points, labels)
    assert "scores of the classifier (n = 6)" in figure_text(build_tsne([[panel]]))


def test_curves_without_a_loss_have_no_panel_for_it():
    history = {"a": [{"epoch": 1, "phase_name": "s", "dev_uar": 0.5}]}
    (axes,) = build_curves(history, "", "real").axes
    assert axes.get_ylabel() == "per cent" and axes.get_xlabel() == "epoch" and axes.get_title() == "s"
    results, _ = run_of(["03", "08"])
    assert [axes.get_ylabel() for axes in build_curves(plausible_history(results), "", "real").axes[::3]] == [
        "loss",
        "per cent",
    ]


def test_speakers_are_sorted_by_their_numbers(tmp_path):
    names = ["s10", "s2", "s1", "s30", "s4", "s5"]
    rows = [
        Prediction(name, f"{name}-{number}", name, CLASSES[number], CLASSES[number], tuple(np.eye(7)[number]))
        for name in names
        for number in range(7)
    ]
    ordered = ["s1", "s2", "s4", "s5", "s10", "s30"]
    assert [one.name for one in by_speaker(rows)] == ordered
    together = [replace(row, fold="one") for row in rows]
    results = make_results(together, facts(warnings=[]), fold_facts(together))
    assert list(results.folds[0].speakers_test) == ordered
    write_folder(tmp_path, make_results(rows, facts(warnings=[]), fold_facts(rows)), rows)
    html = (page_of(tmp_path), (tmp_path / "report.html").read_text(encoding="utf-8"))[1]
    by_fold = html[html.index("By fold: ") :]
    assert re.findall(r'<th scope="row">(s\d+)</th>', by_fold) == ordered


def test_a_tie_is_not_called_lowest_or_most_often(tmp_path):
    results, rows = run_of(["03", "08", "09"])
    uars = {"1": 0.5, "2": 0.500001, "3": 0.6}
    speakers = [SpeakerScores(name, 5, 0.5, uar, "") for name, uar in uars.items()]
    assert worst_speaker(speakers) == "" and "lowest" not in figure_text(build_speakers(results, speakers))
    speakers[1] = replace(speakers[1], uar=0.51)
    assert worst_speaker(speakers) == "1" and "50.00 lowest" in figure_text(build_speakers(results, speakers))
    pooled = replace(results.pooled, confusion=((1, 2, 2), (0, 3, 1), (0, 0, 4)))
    mistaken = by_class(replace(results, target=Classes(("a", "b", "c")), pooled=pooled))
    assert [one.mistaken for one in mistaken] == ["b, c (2 each)", "c (1)", "–"]
    tied = [Prediction(row.fold, row.id, row.speaker, row.label, row.label, row.posteriors) for row in rows]
    write_folder(tmp_path, results, tied)
    assert "lowest UAR is that of" not in page_of(tmp_path).text


def test_every_table_says_what_the_most_frequent_class_alone_would_score(tmp_path):
    results, rows = run_of(["03", "08", "09", "10", "11", "12"])
    truth = [row.label for row in rows]
    always = [max(sorted(set(truth)), key=truth.count)] * len(truth)
    wa, uar = accuracy_score(truth, always), recall_score(truth, always, average="macro", zero_division=0)
    words = f"{always[0]} for every utterance scores WA {100 * wa:.2f}, UAR {100 * uar:.2f}."
    assert results.majority == f"Majority class of {len(results.target.names)}: {words}"
    assert ("Majority class", words) in results.card
    recipe = tmp_path / "recipes/EmoDB"
    recipe.mkdir(parents=True)
    keep(write_folder(tmp_path, results, rows), recipe)
    assert results_md(recipe).count(results.majority) == 1 and words in page_of(tmp_path).text
    assert value_run_of(["03", "08"])[0].majority == ""
