"""A filled table as markdown, LaTeX and CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from itertools import groupby

from speechbrain_ext.evaluation.facts import MARK
from speechbrain_ext.report.figures.drawing import WATERMARK
from speechbrain_ext.report.row_notes import difference_cells
from speechbrain_ext.report.tables.table_columns import DAGGER, Cell, Column, best_lines, columns_of
from speechbrain_ext.report.tables.table_keys import LATEX_COLUMNS
from speechbrain_ext.report.tables.tables import COSTS, SCORES, FilledTable
from speechbrain_ext.utils.text import markdown_cell, markdown_row

SYNTHETIC = f"{WATERMARK}: these numbers say that the software runs, nothing about speech"
# In place of two hyphens, for which LaTeX would print a dash.
HYPHENS = "\0"
LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        # A bracket after the end of a row would be read as that command's option.
        "[": "{[}",
        "]": "{]}",
        "–": "--",
        "±": r"$\pm$",
        "×": r"$\times$",
        DAGGER: r"$\dagger$",
        MARK: r"$\ddagger$",
        "→": r"$\rightarrow$",
        "≤": r"$\leq$",
        "≥": r"$\geq$",
        "−": "$-$",
        HYPHENS: "-{}-",
        **{sign: "\\" + sign for sign in "&%$#_{}"},
    }
)
CSV_HEAD = (
    "row,differs_from_paper,paper_wa_percent,paper_uar_percent,paper_mark,"
    "wa_mean_of_folds_percent,wa_std_percent,wa_pooled_percent,wa_low_percent,wa_high_percent,"
    "uar_mean_of_folds_percent,uar_std_percent,uar_pooled_percent,uar_low_percent,uar_high_percent,"
    "std_over,wa_difference,uar_difference,seeds,parameters,train_seconds,peak_memory_mib,"
    "reference_row,uar_minus_reference,uar_minus_reference_low,uar_minus_reference_high,p_holm"
).split(",")


def markdown(table: FilledTable) -> str:
    """Write a table as markdown; the first line of a mini corpus's is its watermark."""
    columns = columns_of(table)
    lines = [f"**{SYNTHETIC}**", ""] if table.is_mini else []
    lines += [f"# {markdown_cell(table.title)}", "", f"{markdown_cell(table.source)}.", ""]
    lines += [markdown_row([column.title for column in columns]), "| --- |" + " ---: |" * (len(columns) - 1)]
    lines += [*(markdown_row([str(column.cell(line)) for column in columns]) for line in table.lines), ""]
    reasons = [*table.not_comparable, *table.settings]
    lines += [f"- **{markdown_cell(reason)}**" for reason in reasons] + [""] * bool(reasons)
    lines += [f"- {markdown_cell(note)}" for note in (*table.notes, *table.commands)]
    return "\n".join(lines) + "\n"


def latex(table: FilledTable, keys: Sequence[str] = LATEX_COLUMNS) -> str:
    """Write a table as a LaTeX table environment of the package booktabs, to be pasted as it is.

    Arguments
    ---------
    table : FilledTable
    keys : sequence of str
        Keys of the columns, in order.
    """
    columns = columns_of(table, keys)
    source = f"{SYNTHETIC}. {table.title}" if table.is_mini else table.title
    lines = [f"% {SYNTHETIC}"] if table.is_mini else []
    lines += [r"% \usepackage{booktabs}", r"\begin{table}", r"\centering", r"\footnotesize"]
    lines += [rf"\caption{{{escape_latex(f'{source}. {table.source}.')}}}", rf"\label{{tab:{_label(table.id)}}}"]
    lines += [f"\\begin{{tabular}}{{{''.join('l' if key == 'row' else 'r' for key in keys)}}}", r"\toprule"]
    lines += [*_latex_head(columns), r"\midrule"]
    best = [best_lines(table, column) for column in columns]
    for number, line in enumerate(table.lines):
        row = [_latex_cell(column.cell(line), number in bold) for column, bold in zip(columns, best, strict=True)]
        lines.append(" & ".join(row) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}"]
    # A blank line would end the environment's paragraph: each remark is one.
    lines += [rf"\par\smallskip\raggedright {escape_latex(text)}" for text in _latex_notes(table, keys)]
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def csv_text(table: FilledTable) -> str:
    """Write a table as CSV with plain numbers; comments begin with #."""
    stream = io.StringIO()
    comments = ([SYNTHETIC] if table.is_mini else []) + [*table.not_comparable, *table.settings]
    stream.write("".join(f"# {' '.join(text.split())}\n" for text in comments))
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(CSV_HEAD)
    for line in table.lines:
        row = [line.name, "; ".join(line.differs), *(_number(line.paper[score]) for score in SCORES), line.mark]
        for score in SCORES:
            mean, pooled = line.mean[score], line.pooled[score]
            ends = pooled.interval or (None, None)
            row += [_number(share) for share in (mean.value, mean.std, pooled.value, *ends)]
        row += ["seeds" if len(line.seeds) > 1 else "folds", *(_number(line.difference(score)) for score in SCORES)]
        memory = "" if line.peak_memory_mib is None else line.peak_memory_mib
        costs = (" ".join(map(str, line.seeds)), line.parameters, f"{line.train_seconds:.2f}", memory)
        writer.writerow([*row, *costs, table.reference, *difference_cells(line.test)])
    return stream.getvalue()


def escape_latex(text: str) -> str:
    r"""Write a text so that LaTeX prints it unchanged.

    Example
    -------
    >>> escape_latex("r_1 & 50 % [a]")
    'r\\_1 \\& 50 \\% {[}a{]}'
    >>> escape_latex("--table")
    '-{}-table'
    """
    return " ".join(text.replace("--", HYPHENS).translate(LATEX).split())


def _latex_head(columns: Sequence[Column]) -> list[str]:
    """One line of heads, with a line of groups above where columns are grouped."""
    heads = " & ".join(escape_latex(column.head) for column in columns) + r" \\"
    if not any(column.group for column in columns):
        return [heads]
    groups, rules, place = [], [], 1
    for name, some in groupby(columns, key=lambda column: column.group):
        width = len(list(some))
        title = escape_latex(name[:1].upper() + name[1:])
        groups.append(rf"\multicolumn{{{width}}}{{c}}{{{title}}}" if name else " & ".join([""] * width))
        rules += [rf"\cmidrule(lr){{{place}-{place + width - 1}}}"] if name else []
        place += width
    return [" & ".join(groups) + r" \\", " ".join(rules), heads]


def _latex_cell(cell: Cell, is_best: bool) -> str:
    value = escape_latex(cell.value)
    return " ".join(filter(None, [rf"\textbf{{{value}}}" if is_best else value, escape_latex(cell.rest)]))


def _latex_notes(table: FilledTable, keys: Sequence[str]) -> list[str]:
    costs = {"training", "memory"} & set(keys)
    return [*table.not_comparable, *table.settings, *(note for note in table.notes if note != COSTS or costs)]


def _label(identity: str) -> str:
    """Name a table for \\ref: letters, digits and hyphens.

    Example
    -------
    >>> _label("amsnet_tuned/1")
    'amsnet-tuned-1'
    """
    return re.sub(r"[^A-Za-z0-9]+", "-", identity)


def _number(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.4f}"
