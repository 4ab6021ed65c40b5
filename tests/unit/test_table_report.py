"""Comparability, and a table as markdown, LaTeX and CSV beside hand-made expectations."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from report_folders import plausible_results

from speechbrain_ext.files import write_sealed
from speechbrain_ext.report.cards import comparison_card, differences, paper_mark
from speechbrain_ext.report.results_md import kept_name
from speechbrain_ext.report.table_figure import table_figure
from speechbrain_ext.report.table_list import state, table_list
from speechbrain_ext.report.table_text import SYNTHETIC, csv_text, escape_latex, latex, markdown
from speechbrain_ext.report.tables import fill
from speechbrain_ext.tables import Table, TableRow


def table(*rows: tuple[str, float | None, float | None], protocol: str = "speaker") -> Table:
    made = tuple(
        TableRow(name, f"table5-{name.lower()}", "amsnet", "full", protocol, (), {}, wa, uar) for name, wa, uar in rows
    )
    return Table(Path("amsnet_table5.yaml"), "amsnet/5", "50 % of r_1", "A & B", "5", "amsnet", "scores", made)


def result(wa: float, uar: float, **changes) -> dict:
    """A result whose shown numbers are round; pooled differs from the mean, so that neither stands for the other."""
    made = plausible_results(**changes)
    made["mean"] |= {"wa": wa, "uar": uar}
    made["pooled"] |= {"wa": 0.11, "uar": 0.12, "wa_ci95": [0.5, 0.75], "uar_ci95": [0.25, 0.5]}
    for fold in made["folds"]:
        fold |= {"train_seconds": 30.0, "peak_memory_mib": 512 if fold["name"] == "08" else 256}
    return made


MARKDOWN = """\
# 50 % of r_1

Table 5 of A & B.

| Row | Paper WA | Paper UAR | WA [95 %] | UAR [95 %] \
| WA minus paper | UAR minus paper | Parameters | Training | Peak memory |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| A | 80.00 | – | 81.25 [50.00, 75.00] | 70.00 [25.00, 50.00] | +1.25 | – | 1,234,567 | 5 min 00 s | 512 MiB |
| B | – | – | 60.00 [50.00, 75.00] | 50.00 [25.00, 50.00] | – | – | 1,234,567 | 5 min 00 s | 512 MiB |
"""
LATEX_HEAD = (
    r"Row & Paper WA & Paper UAR & WA {[}95 \%{]} & UAR {[}95 \%{]} & WA minus paper & UAR minus paper "
    r"& Parameters & Training & Peak memory \\"
)
LATEX = r"""% 50 % of r_1: Table 5 of A & B
% \usepackage{booktabs}
\begin{tabular}{lrrrrrrrrr}
\toprule
HEAD
\midrule
A & 80.00 & -- & 81.25 {[}50.00, 75.00{]} & 70.00 {[}25.00, 50.00{]} & +1.25 & -- & 1,234,567 & 5 min 00 s & 512 MiB \\
B & -- & -- & 60.00 {[}50.00, 75.00{]} & 50.00 {[}25.00, 50.00{]} & -- & -- & 1,234,567 & 5 min 00 s & 512 MiB \\
\bottomrule
\end{tabular}
""".replace("HEAD", LATEX_HEAD)
CSV = """\
row,paper_wa_percent,paper_uar_percent,paper_mark,wa_percent,wa_std_over_seeds,wa_low_percent,wa_high_percent,\
uar_percent,uar_std_over_seeds,uar_low_percent,uar_high_percent,wa_difference,uar_difference,seeds,parameters,\
train_seconds,peak_memory_mib
A,80.0000,,,81.2500,,50.0000,75.0000,70.0000,,25.0000,50.0000,1.2500,,1,1234567,300.00,512
B,,,,60.0000,,50.0000,75.0000,50.0000,,25.0000,50.0000,,,1,1234567,300.00,512
"""


def test_a_comparable_table_is_as_written_by_hand():
    filled = fill(table(("A", 0.8, None), ("B", None, None)), [[result(0.8125, 0.7)], [result(0.6, 0.5)]])
    assert markdown(filled).startswith(MARKDOWN) and "not comparable" not in markdown(filled)
    assert latex(filled).startswith(LATEX)
    assert csv_text(filled) == CSV


def test_what_the_file_says_of_its_paper_is_printed_below():
    folds = {"A": {"Session1F": (0.7312, 0.7257), "Session1M": (0.6625, None)}}
    noted = replace(table(("A", 0.8, None)), note="the text says otherwise.", paper_folds=folds)
    told = "- Of the paper: the text says otherwise.\n- The paper's folds of A (WA / UAR): Session1F 73.12 / 72.57, "
    assert f"{told}Session1M 66.25 / –.\n" in markdown(fill(noted, [[result(0.8, 0.7)]]))


def test_several_seeds_are_mean_and_deviation():
    seeds = [result(0.80, 0.70, seed=1), result(0.84, 0.70, seed=2)]
    seeds[1]["pooled"]["wa_ci95"] = [0.6, 0.95]
    text = markdown(fill(table(("A", 0.8, 0.7)), [seeds]))
    assert "| 82.00 ± 2.00 [55.00, 85.00] | 70.00 ± 0.00 [25.00, 50.00] | +2.00 | +0.00 |" in text
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
    assert paper_mark({**run, "paper": {"protocol": "speaker"}}) == mark
    filled = fill(table(("A", 0.8, 0.75)), [[run]])
    text, row = markdown(filled), list(csv.reader(csv_text(filled).splitlines()))[-1]
    assert f"| P{mark[1:]}: WA |" in text and "| 80.00 † | 75.00 † |" in text and "+1.25" not in text
    assert f"not comparable: † {mark}" in text and told in text and told.replace("_", r"\_") in latex(filled)
    assert row[3] == mark and row[12:14] == ["", ""]


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
        ("merge", {"excited": "happiness"}, "merge"),
        ("folds_sha256", "d" * 64, "folds"),
        ("selection", "dev", "selection"),
        ("averaging", "pooled", "averaging"),
        ("source", "mini", "source"),
        ("edition", "2 s copy", "edition"),
        ("folds_of_protocol", 11, "folds"),
    ],
)
def test_each_fact_of_a_card_counts(key, value, name):
    one = plausible_results(merge={"excited": "other"})
    other = {**one, key: value}
    (found,) = differences(comparison_card(one), comparison_card(other))
    assert found.startswith(f"{name}: ") and " against " in found
    assert differences(comparison_card(one), comparison_card(one)) == []


def test_an_absent_merge_agrees_and_a_seed_decides_nothing():
    one, other = plausible_results(), plausible_results(merge="excited", seed=2, commit="f" * 7)
    assert differences(comparison_card(one), comparison_card(other)) == []


def test_a_mini_table_begins_with_its_watermark(tmp_path):
    filled = fill(table(("A", 0.8, 0.7)), [[result(0.8, 0.7, source="mini", edition="mini")]])
    assert markdown(filled).splitlines()[0] == f"**{SYNTHETIC}**"
    assert latex(filled).splitlines()[0] == f"% {SYNTHETIC}"
    assert csv_text(filled).splitlines()[0] == f"# {SYNTHETIC}"
    real = fill(table(("A", 0.8, 0.7)), [[result(0.8, 0.7)]])
    for kind in ("png", "pdf"):
        for name, one in (("mini", filled), ("real", real), ("again", filled)):
            table_figure(one, tmp_path / f"{name}.{kind}")
        made = {name: (tmp_path / f"{name}.{kind}").read_bytes() for name in ("mini", "real", "again")}
        assert made["mini"] == made["again"] != made["real"]


def test_latex_escapes_every_special_sign():
    signs = r"\ & % $ # _ { } ~ ^ [ ] < > | † ± –"
    assert escape_latex(signs) == (
        r"\textbackslash{} \& \% \$ \# \_ \{ \} \textasciitilde{} \textasciicircum{} {[} {]} "
        r"\textless{} \textgreater{} \textbar{} $\dagger$ $\pm$ --"
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
        write_sealed(recipe / "results" / kept_name(one), one)
    assert "## [EmoDB]" in table_list(tmp_path)
