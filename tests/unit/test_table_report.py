"""Comparability, and a table as markdown, LaTeX and CSV beside hand-made expectations."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from report_folders import edited, plausible_results

from speechbrain_ext.evaluation.comparability import comparison_card, differences, paper_mark, why_not_comparable
from speechbrain_ext.evaluation.facts import Paper
from speechbrain_ext.evaluation.records import Results
from speechbrain_ext.evaluation.results_json import results_to_json
from speechbrain_ext.report.figures.drawing import draw_file
from speechbrain_ext.report.figures.table_figure import build_table_figure
from speechbrain_ext.report.results_md import kept_name
from speechbrain_ext.report.tables.table_keys import COLUMNS
from speechbrain_ext.report.tables.table_list import state, table_list
from speechbrain_ext.report.tables.table_text import SYNTHETIC, csv_text, escape_latex, latex, markdown
from speechbrain_ext.report.tables.tables import fill
from speechbrain_ext.training.paper_tables import Table, TableRow
from speechbrain_ext.utils.errors import UsageError
from speechbrain_ext.utils.files import sha256_bytes, write_sealed

CSV_COMMENT = re.compile("^#.*\n", re.MULTILINE)


def table(*rows: tuple[str, float | None, float | None], protocol: str = "speaker") -> Table:
    made = tuple(
        TableRow(name, f"table5-{name.lower()}", "amsnet", "full", protocol, (), {}, wa, uar) for name, wa, uar in rows
    )
    return Table(Path("amsnet_table5.yaml"), "amsnet/5", "50 % of r_1", "A & B", "5", "amsnet", "scores", made)


def result(wa: float, uar: float, change=lambda record: None, **changes) -> Results:
    """A result whose shown numbers are round; pooled differs from the mean, so that neither stands for the other."""

    def round_numbers(made: dict) -> None:
        made["mean"] |= {"wa": wa, "uar": uar, "wa_std": 0.04, "uar_std": 0.05}
        made["pooled"] |= {"wa": 0.11, "uar": 0.12, "wa_ci95": [0.5, 0.75], "uar_ci95": [0.25, 0.5]}
        for fold in made["folds"]:
            fold |= {"train_seconds": 30.0, "peak_memory_mib": 512 if fold["name"] == "08" else 256}
        change(made)

    return edited(plausible_results(**changes), round_numbers)


MARKDOWN = """\
# 50 % of r_1

Table 5 of A & B.

| Row | Paper WA | Paper UAR | WA, pooled [95 %] | UAR, pooled [95 %] \
| WA, mean of folds ± std | UAR, mean of folds ± std | WA, mean minus paper | UAR, mean minus paper \
| Parameters | Training | Peak memory |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| A | 80.00 | – | 11.00 [50.00, 75.00] | 12.00 [25.00, 50.00] | 81.25 ± 4.00 | 70.00 ± 5.00 | +1.25 | – \
| 1,234,567 | 5 min 00 s | 512 MiB |
| B | – | – | 11.00 [50.00, 75.00] | 12.00 [25.00, 50.00] | 60.00 ± 4.00 | 50.00 ± 5.00 | – | – \
| 1,234,567 | 5 min 00 s | 512 MiB |
"""
LATEX = r"""% \usepackage{booktabs}
\begin{table}
\centering
\footnotesize
\caption{50 \% of r\_1. Table 5 of A \& B.}
\label{tab:amsnet-5}
\begin{tabular}{lrrrrr}
\toprule
 & \multicolumn{2}{c}{Paper} & \multicolumn{2}{c}{Mean of folds $\pm$ std} & \multicolumn{1}{c}{Pooled {[}95 \%{]}} \\
\cmidrule(lr){2-3} \cmidrule(lr){4-5} \cmidrule(lr){6-6}
Row & WA & UAR & WA & UAR & UAR \\
\midrule
A & 80.00 & -- & \textbf{81.25} $\pm$ 4.00 & \textbf{70.00} $\pm$ 5.00 & \textbf{12.00} {[}25.00, 50.00{]} \\
B & -- & -- & 60.00 $\pm$ 4.00 & 50.00 $\pm$ 5.00 & \textbf{12.00} {[}25.00, 50.00{]} \\
\bottomrule
\end{tabular}
\par
"""
CSV = """\
row,differs_from_paper,paper_wa_percent,paper_uar_percent,paper_mark,\
wa_mean_of_folds_percent,wa_std_percent,wa_pooled_percent,wa_low_percent,wa_high_percent,\
uar_mean_of_folds_percent,uar_std_percent,uar_pooled_percent,uar_low_percent,uar_high_percent,\
std_over,wa_difference,uar_difference,seeds,parameters,train_seconds,peak_memory_mib,\
reference_row,uar_minus_reference,uar_minus_reference_low,uar_minus_reference_high,p_holm
A,,80.0000,,,81.2500,4.0000,11.0000,50.0000,75.0000,70.0000,5.0000,12.0000,25.0000,50.0000,folds,1.2500,,1,1234567,\
300.00,512,,,,,
B,,,,,60.0000,4.0000,11.0000,50.0000,75.0000,50.0000,5.0000,12.0000,25.0000,50.0000,folds,,,1,1234567,300.00,512,,,,,
"""
CHANGED = {"epochs": {"paper": 200, "here": 1}, "channels": {"paper": [512, 256], "here": [16, 8]}}


def test_a_comparable_table_is_as_written_by_hand():
    filled = fill(table(("A", 0.8, None), ("B", None, None)), [[result(0.8125, 0.7)], [result(0.6, 0.5)]])
    assert markdown(filled).startswith(MARKDOWN) and "not comparable" not in markdown(filled)
    assert markdown(filled).count("- Majority class of ") == 1
    assert latex(filled).startswith(LATEX.rstrip()) and csv_text(filled) == CSV


def test_a_row_with_other_settings_is_marked_listed_and_not_compared_with_the_paper():
    runs = [[result(0.8125, 0.7)], [result(0.6, 0.5, differs_from_paper=CHANGED)]]
    filled = fill(table(("A", 0.8, 0.75), ("B", 0.9, 0.9)), runs)
    text, rows = markdown(filled), list(csv.DictReader(CSV_COMMENT.sub("", csv_text(filled)).splitlines()))
    kept, changed = (line for line in text.splitlines() if line.startswith(("| A ", "| B ")))
    assert "| 80.00 | 75.00 |" in kept and "+1.25" in kept and "†" not in kept
    assert changed.startswith("| B ‡ | 90.00 † | 90.00 † |") and "-30.00" not in changed and "| – | – |" in changed
    told = "B: settings differ from the preset paper (key: its value -> this run's value): epochs: 200 -> 1; "
    assert told + "channels: [512, 256] -> [16, 8]" in text
    assert "not comparable: † paper, other settings" in text
    assert rows[1]["differs_from_paper"] == "epochs: 200 -> 1; channels: [512, 256] -> [16, 8]"
    assert rows[1]["wa_difference"] == "" and rows[1]["paper_mark"] == "paper, other settings"
    assert r"B $\ddagger$ & 90.00 $\dagger$" in latex(filled) and "epochs: 200" in latex(filled)
    figure = build_table_figure(filled)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["A", "B ‡"]


def test_one_fold_has_no_deviation_and_one_speaker_no_interval():
    def change(made: dict) -> None:
        made["mean"] |= {"wa_std": None, "uar_std": None}
        made["pooled"] |= {"wa_ci95": None, "uar_ci95": None}
        made["folds"] = [made["folds"][0] | {"speakers_test": ["03"]}]

    run = result(0.6, 0.5, change)
    filled = fill(table(("A", None, None)), [[run]])
    text = markdown(filled)
    assert "| WA, pooled | UAR, pooled | WA, mean of folds | UAR, mean of folds |" in text
    assert "| 11.00 | 12.00 | 60.00 | 50.00 |" in text and "One speaker: 1 was tested" in text
    assert "±" not in text.split("Scores are")[0] and "[" not in text.split("Scores are")[0]
    assert ",60.0000,,11.0000,,,50.0000,,12.0000,,,folds," in csv_text(filled)
    lines = [line for axes in build_table_figure(filled).axes for line in axes.lines]
    assert {len(line.get_xdata()) for line in lines} == {1}, "no line of an interval"


def test_the_figure_draws_the_interval_on_the_pooled_score_and_the_mean_apart():
    axes = build_table_figure(fill(table(("A", 0.8, 0.7)), [[result(0.8125, 0.7)]])).axes[0]
    interval, pooled, mean, paper = (line.get_xdata() for line in axes.lines)
    assert (list(interval), list(pooled)) == ([50.0, 75.0], [11.0]) and (list(mean), list(paper)) == ([81.25], [80.0])
    heights = [line.get_ydata()[0] for line in axes.lines]
    assert heights[0] == heights[1] != heights[2] == heights[3]


def test_the_best_value_is_bold_and_equal_ones_all_are():
    runs = [[result(0.8, 0.7)], [result(0.8, 0.6)], [result(0.79, 0.65)]]
    filled = fill(table(("A", 0.8, 0.7), ("B", 0.9, 0.7), ("C", None, None)), runs)
    rows = {line[0]: line for line in latex(filled).splitlines() if line[:3] in ("A &", "B &", "C &")}
    bold = {name: re.findall(r"\\textbf\{([0-9.]+)\}", line) for name, line in rows.items()}
    assert bold == {
        "A": ["70.00", "80.00", "70.00", "12.00"],
        "B": ["90.00", "70.00", "80.00", "12.00"],
        "C": ["12.00"],
    }
    alone = fill(table(("A", 0.8, 0.7)), [[result(0.8, 0.7)]])
    apart = fill(table(("A", 0.8, 0.7), ("B", 0.9, 0.8)), [runs[0], [result(0.7, 0.6, folds_sha256="d" * 64)]])
    assert "textbf" not in latex(alone) and "textbf" not in latex(apart)


def test_latex_has_the_columns_that_are_asked_for_and_no_command_of_a_shell():
    filled = fill(table(("A", 0.8, 0.7)), [[result(0.8, 0.7)]])
    text = latex(filled, ("row", "parameters", "mean_uar"))
    assert r"\begin{tabular}{lrr}" in text and "A & 1,234,567 & 70.00 $" in text
    assert "\\cmidrule(lr){3-3}\nRow & Parameters & UAR" in text
    assert "run.sh" in markdown(filled) and "run.sh" not in text and "Made by" not in text
    with pytest.raises(UsageError, match="--columns wa: expected some of row, paper_wa"):
        latex(filled, ("row", "wa"))


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="no pdflatex is installed")
def test_latex_compiles_without_a_change(tmp_path):
    runs = [[result(0.8, 0.7, differs_from_paper=CHANGED)], [result(0.7, 0.6)]]
    filled = fill(table(("A_b", 0.8, 0.7), ("50 % & more", None, None)), runs)
    parts = [latex(filled), latex(filled, COLUMNS)]
    (tmp_path / "a.tex").write_text(
        "\\documentclass{article}\\usepackage[utf8]{inputenc}\\usepackage{booktabs}\n\\begin{document}\n"
        + "\n".join(parts)
        + "\n\\end{document}\n"
    )
    told = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "a.tex"]
    done = subprocess.run(told, cwd=tmp_path, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout[-2000:]


def test_what_the_file_says_of_its_paper_is_printed_below():
    folds = {"A": {"Session1F": (0.7312, 0.7257), "Session1M": (0.6625, None)}}
    noted = replace(table(("A", 0.8, None)), note="the text says otherwise.", paper_folds=folds)
    told = "- Of the paper: the text says otherwise.\n- The paper's folds of A (WA / UAR): Session1F 73.12 / 72.57, "
    assert f"{told}Session1M 66.25 / –.\n" in markdown(fill(noted, [[result(0.8, 0.7)]]))


def test_several_seeds_are_mean_and_deviation():
    other = result(0.84, 0.70, lambda record: record["pooled"].update(wa_ci95=[0.6, 0.95]), seed=2)
    seeds = [result(0.80, 0.70, seed=1), other]
    text = markdown(fill(table(("A", 0.8, 0.7)), [seeds]))
    cells = "| 11.00 [55.00, 85.00] | 12.00 [25.00, 50.00] | 82.00 ± 2.00 | 70.00 ± 0.00 | +2.00 | +0.00 |"
    assert cells in text and "| WA, mean of folds ± std over seeds |" in text
    assert "over seeds 1, 2" in text


@pytest.mark.parametrize(
    ("changes", "mark", "told"),
    [
        ({"edition": "2 s copy"}, "paper, other edition", "edition: 2 s copy against as published"),
        ({"protocol": "random5"}, "paper, other protocol", "folds: random5 against speaker"),
        ({"source": "mini", "edition": "mini"}, "paper, other corpus", "source: mini against real"),
    ],
)
def test_a_number_of_the_paper_that_is_not_comparable_is_marked_and_no_difference_computed(changes, mark, told):
    run = result(0.8125, 0.7, **changes)
    assert paper_mark(run, "speaker") == mark
    filled = fill(table(("A", 0.8, 0.75)), [[run]])
    text, row = markdown(filled), list(csv.reader(csv_text(filled).splitlines()))[-1]
    assert f"| P{mark[1:]}: WA |" in text and "| 80.00 † | 75.00 † |" in text and "+1.25" not in text
    assert f"not comparable: † {mark}" in text and told in text and told.replace("_", r"\_") in latex(filled)
    assert row[4] == mark and row[16:18] == ["", ""]


def test_rows_that_differ_among_each_other_print_both_cards():
    runs = [[result(0.8, 0.7)], [result(0.8, 0.7, selection="dev", dev="speaker", folds_sha256="d" * 64)]]
    text = markdown(fill(table(("A", 0.8, 0.7), ("B", 0.8, 0.7)), runs))
    assert (
        "**not comparable: A against B: folds: speaker (cccccccccccc) against speaker (dddddddddddd); "
        "selection: last against dev**" in text
    )


@pytest.mark.parametrize(
    ("key", "value", "name"),
    [
        ("classes", ["anger", "fear"], "classes"),
        ("folds_sha256", "d" * 64, "folds"),
        ("selection", "dev", "selection"),
        ("source", "mini", "source"),
        ("edition", "2 s copy", "edition"),
        ("folds_of_protocol", 11, "folds"),
    ],
)
def test_each_fact_of_a_card_counts(key, value, name):
    one = plausible_results()
    other = edited(one, lambda record: record.update({key: value}) or make_square(record))
    (found,) = differences(comparison_card(one), comparison_card(other))
    assert found.startswith(f"{name}: ") and " against " in found
    assert differences(comparison_card(one), comparison_card(one)) == []


def make_square(record: dict) -> None:
    """Cut confusion matrices to the classes."""
    number = len(record["classes"])
    for scores in (record["pooled"], *record["folds"]):
        scores["confusion"] = [row[:number] for row in scores["confusion"][:number]]


def test_differing_settings_are_the_reason_where_the_papers_number_is_left_out():
    run = plausible_results(differs_from_paper=CHANGED)
    settings = "settings differ from the paper's: epochs: 200 -> 1; channels: [512, 256] -> [16, 8]"
    assert why_not_comparable(run) == [settings]
    assert why_not_comparable(replace(run, paper=Paper("5", "A", protocol="random5"))) == [
        settings,
        "the paper's protocol is random5",
    ]
    assert why_not_comparable(plausible_results()) == ["the paper gives no number for this row"]


def test_a_seed_and_a_commit_decide_nothing():
    one, other = plausible_results(), plausible_results(seed=2, commit="f" * 7)
    assert differences(comparison_card(one), comparison_card(other)) == []


def test_a_mini_table_begins_with_its_watermark(tmp_path):
    filled = fill(table(("A", 0.8, 0.7)), [[result(0.8, 0.7, source="mini", edition="mini")]])
    assert markdown(filled).splitlines()[0] == f"**{SYNTHETIC}**"
    assert latex(filled).splitlines()[0] == f"% {SYNTHETIC}" and rf"\caption{{{SYNTHETIC}. " in latex(filled)
    assert csv_text(filled).splitlines()[0] == f"# {SYNTHETIC}"
    real = fill(table(("A", 0.8, 0.7)), [[result(0.8, 0.7)]])
    for kind in ("png", "pdf"):
        for name, one in (("mini", filled), ("real", real), ("again", filled)):
            draw_file(tmp_path / f"{name}.{kind}", build_table_figure, one)
        made = {name: (tmp_path / f"{name}.{kind}").read_bytes() for name in ("mini", "real", "again")}
        assert made["mini"] == made["again"] != made["real"]


def test_latex_escapes_every_special_sign():
    signs = r"\ & % $ # _ { } ~ ^ [ ] < > | † ± – ‡"
    assert escape_latex(signs) == (
        r"\textbackslash{} \& \% \$ \# \_ \{ \} \textasciitilde{} \textasciicircum{} {[} {]} "
        r"\textless{} \textgreater{} \textbar{} $\dagger$ $\pm$ -- $\ddagger$"
    )
    assert escape_latex("one\ntwo") == "one two"


def test_the_state_of_a_table_comes_from_kept_results(tmp_path):
    known = table(("A", 0.8, 0.7), ("B", None, None))
    assert state(known, []) == "none"
    kept = [plausible_results(row="table5-a", seed=seed) for seed in (1, 2)]
    kept += [plausible_results(row="table5-b", edition="2 s copy"), plausible_results(row="table5-a.small")]
    assert state(known, kept) == ("1 of 2 (speaker, as published, seeds 1, 2); 1 of 2 (speaker, 2 s copy, seed 1)")
    recipe = tmp_path / "EmoDB"
    (recipe / "tables").mkdir(parents=True)
    for one in kept:
        path = recipe / "results" / kept_name(one)
        write_sealed(path, {**results_to_json(one), "sha256": sha256_bytes(b"")})
        path.with_suffix(".csv").write_bytes(b"")
    assert "## [EmoDB]" in table_list(tmp_path)
