"""How numbers are written in tables: per cent, coefficients, ranges, durations."""

from __future__ import annotations

import re
from collections.abc import Sequence

DASH = "–"


def percent(share: float | None) -> str:
    """Write a fraction as per cent with two decimals, as the papers do.

    Example
    -------
    >>> percent(0.88341), percent(None)
    ('88.34', '–')
    """
    return DASH if share is None else f"{100 * share:.2f}"


def decimal(value: float | None) -> str:
    """Write a coefficient such as the CCC with three decimals.

    Example
    -------
    >>> decimal(0.61249), decimal(-0.00001), decimal(None)
    ('0.612', '0.000', '–')
    """
    # Rounded first and 0 added: there is no minus zero.
    return DASH if value is None else f"{round(value, 3) + 0:.3f}"


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """A key that sorts names by the numbers in them: 2 before 10.

    Example
    -------
    >>> sorted(["s10", "s2", "s"], key=natural_key)
    ['s', 's2', 's10']
    """
    parts = [part for part in re.split(r"(\d+)", name) if part]
    return [(0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts]


def in_range(values: Sequence[float]) -> str:
    """Write integers as one value, or as the lowest and the highest.

    Example
    -------
    >>> in_range([200, 200]), in_range([12, 200])
    ('200', '12–200')
    """
    low, high = min(values), max(values)
    return f"{low}" if low == high else f"{low}–{high}"


def duration(seconds: float) -> str:
    """Write seconds as a person says them.

    Example
    -------
    >>> duration(4.2), duration(200), duration(7300)
    ('4.2 s', '3 min 20 s', '2 h 01 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60):02d} s"
    minutes = int(seconds // 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def markdown_cell(text: str) -> str:
    """Keep a text in its cell of a markdown table: a bar would end it, a line break the table.

    Example
    -------
    >>> markdown_cell("a|b")
    'a\\\\|b'
    """
    return " ".join(text.split()).replace("|", "\\|")


def markdown_row(cells: Sequence[str]) -> str:
    """Write a row of a markdown table.

    Example
    -------
    >>> markdown_row(["a", "1"])
    '| a | 1 |'
    """
    return "| " + " | ".join(map(markdown_cell, cells)) + " |"
