"""How numbers are written in tables: per cent, intervals, spreads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

DASH = "–"


def percent(share: float | None) -> str:
    """Write a fraction as per cent with two decimals, as the papers do.

    Example
    -------
    >>> percent(0.88341), percent(None)
    ('88.34', '–')
    """
    return DASH if share is None else f"{100 * share:.2f}"


def with_interval(share: float, interval: Sequence[float] | None) -> str:
    """Write a fraction as per cent with its 95 % interval, where there is one.

    Example
    -------
    >>> with_interval(0.825, [0.79, 0.861]), with_interval(0.825, None)
    ('82.50 [79.00, 86.10]', '82.50')
    """
    if interval is None:
        return percent(share)
    return f"{percent(share)} [{percent(interval[0])}, {percent(interval[1])}]"


def with_std(share: float, std: float | None) -> str:
    """Write a fraction as per cent with its standard deviation; one value has none.

    Example
    -------
    >>> with_std(0.825, 0.03), with_std(0.825, None)
    ('82.50 ± 3.00', '82.50')
    """
    if std is None:
        return percent(share)
    return f"{percent(share)} ± {percent(std)}"


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


def decimal(value: float | None) -> str:
    """Write a coefficient such as the CCC with three decimals.

    Example
    -------
    >>> decimal(0.61249), decimal(-0.00001), decimal(None)
    ('0.612', '0.000', '–')
    """
    # Rounded first and 0 added: there is no minus zero.
    return DASH if value is None else f"{round(value, 3) + 0:.3f}"


def decimal_with_interval(value: float, interval: Sequence[float] | None) -> str:
    """Write a coefficient with its 95 % interval, where there is one.

    Example
    -------
    >>> decimal_with_interval(0.612, [0.5, 0.7]), decimal_with_interval(0.612, None)
    ('0.612 [0.500, 0.700]', '0.612')
    """
    if interval is None:
        return decimal(value)
    return f"{decimal(value)} [{decimal(interval[0])}, {decimal(interval[1])}]"


def decimal_with_std(value: float, std: float | None) -> str:
    """Write a coefficient with its standard deviation; one value has none.

    Example
    -------
    >>> decimal_with_std(0.612, 0.03), decimal_with_std(0.612, None)
    ('0.612 ± 0.030', '0.612')
    """
    if std is None:
        return decimal(value)
    return f"{decimal(value)} ± {decimal(std)}"


def optimism(results: dict[str, Any]) -> str:
    """Say of a run whose model was selected on the test fold that it was, and by how much that raised its scores.

    Example
    -------
    >>> optimism({"row": "a", "folds": [{"optimism": {"uar": 0.02}}, {"optimism": {"uar": 0.04}}]})
    'Optimistic: the model was selected on the test fold. Against the last epoch, points: UAR +3.00.'
    """
    gaps = [fold["optimism"] for fold in results["folds"] if fold.get("optimism")]
    told = [
        f"{key.upper()} {100 * sum(gap[key] for gap in gaps) / len(gaps):+.2f}" for key in (gaps[0] if gaps else ())
    ]
    first = "Optimistic: the model was selected on the test fold."
    return first + (f" Against the last epoch, points: {', '.join(told)}." if told else "")


def parameters(results: dict[str, Any]) -> str:
    """Write how many parameters a run trains, and of how many where it leaves some as they are.

    Example
    -------
    >>> parameters({"parameters": 1234}), parameters({"parameters": 1234, "parameters_total": 56789})
    ('1,234', '1,234 trained of 56,789')
    """
    trained, total = results["parameters"], results.get("parameters_total", results["parameters"])
    return f"{trained:,}" + (f" trained of {total:,}" if total != trained else "")
