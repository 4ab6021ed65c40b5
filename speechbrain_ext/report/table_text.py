"""A filled table as markdown, LaTeX and CSV."""

from __future__ import annotations

import csv
import io

from speechbrain_ext.report.drawing import WATERMARK
from speechbrain_ext.report.tables import SCORES, FilledTable, Line
from speechbrain_ext.report.text import DASH, duration, percent, with_std

SYNTHETIC = f"{WATERMARK}: these numbers say that the software runs, nothing about speech"
DAGGER = "†"
# Stands for two hyphens in a text on its way to LaTeX, which by itself prints a dash for them.
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
        HYPHENS: "-{}-",
        **{sign: "\\" + sign for sign in "&%$#_{}"},
    }
)
CSV_HEAD = (
    "row,paper_wa_percent,paper_uar_percent,paper_mark,wa_percent,wa_std_over_seeds,wa_low_percent,wa_high_percent,"
    "uar_percent,uar_std_over_seeds,uar_low_percent,uar_high_percent,wa_difference,uar_difference,seeds,parameters,"
    "train_seconds,peak_memory_mib"
).split(",")


def markdown(table: FilledTable) -> str:
    """Write a table as markdown; the first line of a mini corpus's is its watermark."""
    head, rows = cells(table)
    lines = [f"**{SYNTHETIC}**", ""] if table.is_mini else []
    lines += [f"# {_plain(table.title)}", "", f"{_plain(table.source)}.", ""]
    lines += [_row(head), "| --- |" + " ---: |" * (len(head) - 1), *(_row(row) for row in rows), ""]
    for reason in table.not_comparable:
        lines += [f"- **{_plain(reason)}**"]
    lines += [""] if table.not_comparable else []
    lines += [f"- {_plain(note)}" for note in table.notes]
    return "\n".join(lines) + "\n"


def latex(table: FilledTable) -> str:
    """Write a table as a LaTeX tabular of the package booktabs; remarks are comments above and text below."""
    head, rows = cells(table)
    lines = [f"% {SYNTHETIC}"] if table.is_mini else []
    lines += [f"% {' '.join(table.title.split())}: {' '.join(table.source.split())}", r"% \usepackage{booktabs}"]
    lines += [f"\\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}", r"\toprule", _latex_row(head), r"\midrule"]
    lines += [_latex_row(row) for row in rows]
    lines += [r"\bottomrule", r"\end{tabular}"]
    told = ([SYNTHETIC] if table.is_mini else []) + [*table.not_comparable, *table.notes]
    lines += ["", *(rf"\par {escape_latex(text)}" for text in told)]
    return "\n".join(lines) + "\n"


def csv_text(table: FilledTable) -> str:
    """Write a table as CSV with plain numbers; comments begin with #."""
    stream = io.StringIO()
    told = ([SYNTHETIC] if table.is_mini else []) + list(table.not_comparable)
    stream.write("".join(f"# {' '.join(text.split())}\n" for text in told))
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(CSV_HEAD)
    for line in table.lines:
        row = [line.name, *(_number(line.paper[score]) for score in SCORES), line.mark]
        for score in SCORES:
            spread = line.spread[score] if line.spread else None
            row += [_number(line.ours[score]), _number(spread), *(_number(end) for end in line.interval[score])]
        row += [_number(line.difference[score]) for score in SCORES]
        memory = "" if line.peak_memory_mib is None else line.peak_memory_mib
        writer.writerow([*row, " ".join(map(str, line.seeds)), line.parameters, f"{line.train_seconds:.2f}", memory])
    return stream.getvalue()


def escape_latex(text: str) -> str:
    r"""Write a text so that LaTeX prints it as it stands.

    Example
    -------
    >>> escape_latex("r_1 & 50 % [a]")
    'r\\_1 \\& 50 \\% {[}a{]}'
    >>> escape_latex("--table")
    '-{}-table'
    """
    return " ".join(text.replace("--", HYPHENS).translate(LATEX).split())


def cells(table: FilledTable) -> tuple[list[str], list[list[str]]]:
    """Head and rows as texts; a number of the paper that is not comparable has a dagger."""
    marks = {line.mark for line in table.lines if _has_number(line)}
    mark = marks.pop() if len(marks) == 1 else ""
    paper = f"P{mark[1:]}:" if mark else "Paper"
    head = ["Row", f"{paper} WA", f"{paper} UAR", "WA [95 %]", "UAR [95 %]", "WA − paper", "UAR − paper"]
    head += ["Parameters", "Training", "Peak memory"]
    return [cell.replace("−", "minus") for cell in head], [_cells(line) for line in table.lines]


def _cells(line: Line) -> list[str]:
    row = [line.name]
    for score in SCORES:
        value = line.paper[score]
        row.append(percent(value) + (f" {DAGGER}" if line.mark and value is not None else ""))
    for score in SCORES:
        ours = with_std(line.ours[score], line.spread[score]) if line.spread else percent(line.ours[score])
        row.append(f"{ours} [{', '.join(percent(end) for end in line.interval[score])}]")
    for score in SCORES:
        difference = line.difference[score]
        row.append(DASH if difference is None else f"{100 * difference:+.2f}")
    memory = DASH if line.peak_memory_mib is None else f"{line.peak_memory_mib:.0f} MiB"
    return [*row, f"{line.parameters:,}", duration(line.train_seconds), memory]


def _has_number(line: Line) -> bool:
    return any(value is not None for value in line.paper.values())


def _number(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.4f}"


def _row(row: list[str]) -> str:
    return "| " + " | ".join(_plain(cell) for cell in row) + " |"


def _latex_row(row: list[str]) -> str:
    return " & ".join(escape_latex(cell) for cell in row) + r" \\"


def _plain(cell: str) -> str:
    return " ".join(cell.split()).replace("|", "\\|")
