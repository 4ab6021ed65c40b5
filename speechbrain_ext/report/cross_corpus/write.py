"""The files that are drawn from a matrix: Markdown, LaTeX, CSV and the heat map."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from speechbrain_ext.corpora.value_range import scale_text
from speechbrain_ext.evaluation.coverage import coverage_sentence
from speechbrain_ext.evaluation.matrix import ALL_DATA, FILE, NOT_STATED, UAR, CorpusCard, Matrix, read_matrix
from speechbrain_ext.report.cross_corpus.differences import Difference, differences
from speechbrain_ext.report.cross_corpus.forest import build_forest_of_methods
from speechbrain_ext.report.cross_corpus.grids import score_text, train_name
from speechbrain_ext.report.cross_corpus.heat_map import build_heat_map
from speechbrain_ext.report.cross_corpus.texts import explanation, matrix_csv, matrix_latex, matrix_markdown
from speechbrain_ext.report.figures.drawing import draw_file
from speechbrain_ext.report.tables.table_text import SYNTHETIC
from speechbrain_ext.report.units import unit_of
from speechbrain_ext.utils.files import write_text
from speechbrain_ext.utils.text import DASH, markdown_cell, markdown_row, percent

HEAT_MAP, FOREST = "heat_map.png", "methods.png"
# The smallest difference that so many speakers could show.
OF_SPEAKERS = ("Speakers", "Smallest visible")
GAINED = ("Points of UAR", "UAR", "methods")


def write_matrix_report(folder: str | Path) -> list[Path]:
    """Write matrix.md, matrix.tex, matrix.csv and the figures into the folder of matrix.json.

    Raises
    ------
    UserError
        matrix.json, or predictions that it names, are missing or damaged.
    """
    folder = Path(folder)
    matrix = read_matrix(folder / FILE)
    found = differences(matrix, folder)
    files = {
        "matrix.md": "\n".join(report_lines(matrix, found, "Across corpora", 1)) + "\n",
        "matrix.tex": matrix_latex(matrix),
        "matrix.csv": matrix_csv(matrix),
    }
    for name, text in files.items():
        write_text(folder / name, text)
    return [*(folder / name for name in files), *draw_matrix(matrix, found, folder)]


def draw_matrix(matrix: Matrix, found: Sequence[Difference], out: Path) -> list[Path]:
    """Draw the heat map, and the forest plot where methods are compared.

    Arguments
    ---------
    matrix : Matrix
    found : sequence of Difference
        Its methods compared.
    out : Path
        Where the figures are written.
    """
    draw_file(out / HEAT_MAP, build_heat_map, matrix)
    if not found:
        return [out / HEAT_MAP]
    draw_file(out / FOREST, build_forest_of_methods, matrix, found)
    return [out / HEAT_MAP, out / FOREST]


def report_lines(matrix: Matrix, found: Sequence[Difference], title: str, level: int, place: str = "") -> list[str]:
    """The report of a matrix as lines of Markdown.

    Arguments
    ---------
    matrix : Matrix
    found : sequence of Difference
        Its methods compared.
    title : str
    level : int
        Of its heading.
    place : str
        The folder of the figures, from the page, with a slash at its end; "" where they are in the folder of the page.
    """
    head = "#" * level
    lines = [f"{head} {title}", ""]
    if matrix.source == "mini":
        lines += [f"**{SYNTHETIC}**", ""]
    score = "CCC" if matrix.dimensions else "UAR"
    lines += [f"![Heat map: {score} of each source on each target]({place}{HEAT_MAP})", "", explanation(matrix), ""]
    counts = sorted({cell.speakers for cell in matrix.cells if cell.speakers})
    covered = {"ccc": "CCC"} if matrix.dimensions else {"uar": "UAR"}
    lines += [sentence for count in counts if (sentence := coverage_sentence(covered, count))]
    lines += ["", f"{head}# Corpora", "", *_cards(matrix), ""]
    if matrix.overlaps:
        lines += [f"- {pair}: {text}" for pair, texts in matrix.overlaps.items() for text in texts] + [""]
    lines += [f"{head}# {score}", "", *matrix_markdown(matrix, level + 2)]
    if found:
        lines += [f"{head}# Which methods help", "", f"![What each method changes]({place}{FOREST})", ""]
        lines += [*_differences(matrix, found), ""]
    if matrix.classes:
        lines += [f"{head}# What is recognised", "", *_shares(matrix), ""]
    return [*lines, f"Made by `{matrix.command}` at commit {matrix.commit}."]


def _cards(matrix: Matrix) -> list[str]:
    head = ["Corpus", "Edition", "Language", "Speech", "Emotions", "Utterances", "Speakers", *matrix.classes]
    rows = [markdown_row([*head, *(["Scale"] if matrix.dimensions else ["Merged", "Left out"])])]
    ends = " --- |" if matrix.dimensions else " --- | --- |"
    rows.append("| --- | --- | --- | --- | --- |" + " ---: |" * (2 + len(matrix.classes)) + ends)
    return rows + [_card_row(card, matrix) for card in matrix.corpora]


def _card_row(card: CorpusCard, matrix: Matrix) -> str:
    of_classes = [card.labels[name] for name in matrix.classes]
    counts = [str(number) for number in (card.utterances, card.speakers, *of_classes)]
    merged = ", ".join(f"{label} as {target}" for label, target in card.merged.items())
    left_out = ", ".join(f"{label} {number}" for label, number in card.left_out.items())
    known = [card.corpus, card.edition, card.language, card.speaking, card.emotions]
    if matrix.dimensions:
        scale = scale_text(card.dimension_scale) if card.dimension_scale else NOT_STATED
        return markdown_row([*map(markdown_cell, known), *counts, scale])
    return markdown_row([*map(markdown_cell, known), *counts, merged or DASH, left_out or DASH])


def _differences(matrix: Matrix, found: Sequence[Difference]) -> list[str]:
    points, score, tests = ("CCC", "CCC", "methods and dimensions") if matrix.dimensions else GAINED
    head = ["System", "Trained on", "Tested on", *(["Dimension"] if matrix.dimensions else [])]
    lines = [
        f"{points} gained over the same model as it was trained, with a 95 % interval over the tested speakers "
        "(jackknife); p of the permutation test that swaps the two within a speaker, after Holm's correction over the "
        f"{tests} of one source and target. *: holds at 5 %. All these methods are transductive, and the model as it "
        "was trained has not heard the target: a difference says what hearing it brings.",
        "",
        markdown_row([*head, "As trained", "Method", score, "Difference", *OF_SPEAKERS]),
        "|" + " --- |" * len(head) + " ---: | --- | ---: | --- | ---: | ---: |",
    ]
    for one in found:
        cell, least, unit = one.cell, one.test.smallest_difference, unit_of(one.metric)
        name = one.dimension or UAR
        lines.append(
            markdown_row(
                [
                    *(cell.system, train_name(cell.train), cell.target, *([name] if one.dimension else [])),
                    *(score_text(one.reference, name), cell.method, score_text(cell, name), one.text),
                    *(str(one.test.n_speakers), DASH if least is None else unit.write(least)),
                ]
            )
        )
    return lines


def _shares(matrix: Matrix) -> list[str]:
    """How often each class is recognised, whatever is said: a model that calls nearly all of a target by one name."""
    lines = [
        "Share of the target's utterances in per cent that are recognised as each class. Features that are "
        "standardised with the source's mean may lie all on one side of the planes between two classes; a model then "
        "calls nearly all of the target by one name.",
        "",
        markdown_row(["System", "Trained on", "Tested on", "Method", *matrix.classes]),
        "| --- | --- | --- | --- |" + " ---: |" * len(matrix.classes),
    ]
    for cell in matrix.cells:
        if cell.model == ALL_DATA and cell.confusion:
            called = [sum(row[place] for row in cell.confusion) for place in range(len(matrix.classes))]
            shares = [percent(number / sum(called)) for number in called]
            lines.append(markdown_row([cell.system, train_name(cell.train), cell.target, cell.method, *shares]))
    for card in matrix.corpora:
        truth = [percent(card.labels[name] / card.utterances) for name in matrix.classes]
        lines.append(markdown_row([DASH, DASH, card.corpus, "as labelled", *truth]))
    return lines
