"""What is said below a table about its rows' differences from the reference row."""

from __future__ import annotations

from collections.abc import Sequence

from speechbrain_ext.evaluation.row_comparisons import RowFamily, RowTest
from speechbrain_ext.evaluation.targets import dimension_of
from speechbrain_ext.metrics.paired_tests import DRAWS, LEVEL
from speechbrain_ext.report.units import HOLDS, difference_text, write_p


def row_notes(family: RowFamily) -> list[str]:
    """Say which rows differ from the reference, how that was tested, and which rows are not compared and why.

    Arguments
    ---------
    family : RowFamily

    Returns
    -------
    notes : list of str
        Empty where the table has one row.
    """
    if len(family.rows) < 2:
        return []
    notes, name = [], family.rows[family.reference].name
    if compared := family.compared:
        shown = "; ".join(f"{row.name}: {_differences_text(tests)}" for row, tests in compared)
        count = f"{len(compared)} rows are" if len(compared) > 1 else "1 row is"
        points = "in points of UAR" if _is_of_classes(family) else "in CCC"
        notes += [
            f"Reference row: {name}. {count} compared with it on the same utterances, {points}, pooled, with "
            f"the 95 % interval over speakers and p after Holm: {shown}.",
            _how_tested(family),
        ]
        if any(len(row.results) > 1 for row in family.rows):
            notes.append("Of a row of several seeds, each speaker's score is averaged over the seeds first.")
    else:
        notes.append(f"Reference row: {name}. No row is compared with it.")
    reasons: dict[str, list[str]] = {}
    for row, reason in zip(family.rows, family.reasons, strict=True):
        if reason:
            reasons.setdefault(reason, []).append(row.name)
    notes += [f"Not compared with {name}: {', '.join(names)}: {reason}." for reason, names in reasons.items()]
    return notes


def _how_tested(family: RowFamily) -> str:
    all_tests = [one for _, tests in family.compared for one in tests]
    first, count = all_tests[0].test, len(all_tests)
    smallest = first.smallest_p or 0.0
    swaps = f"all {first.n_swaps} swaps" if first.is_exact else f"{DRAWS} drawn swaps"
    found = "" if any(one.holds for one in all_tests) else "; no row of this table has it"
    is_of_classes = _is_of_classes(family)
    score, dimensions = ("UAR", "") if is_of_classes else ("the CCC", ", in each dimension")
    text = (
        f"{HOLDS}: {score} differs from that of the reference row at {LEVEL} after Holm{found}. Permutation test that "
        f"swaps two rows within a speaker; family: the rows of this table against the reference{dimensions}. Smallest "
        f"p that {first.n_speakers} speakers can give: {write_p(smallest)} ({swaps})"
    )
    tests = "rows" if is_of_classes else "tests"
    text += f", after Holm over {count} {tests} {write_p(min(1.0, count * smallest))}." if count > 1 else "."
    if smallest > LEVEL:
        text += f" So few speakers cannot show any difference at {LEVEL}."
    return text


def _is_of_classes(family: RowFamily) -> bool:
    return all(one.metric == "uar" for _, tests in family.compared for one in tests)


def _differences_text(tests: Sequence[RowTest]) -> str:
    """The differences of a row, with the names of dimensions."""
    texts = []
    for one in tests:
        dimension = dimension_of(one.metric)
        text = difference_text(one.metric, one.test, one.p_holm, one.holds)
        texts.append(f"{dimension} {text}" if dimension else text)
    return ", ".join(texts)


def difference_cells(test: RowTest | None) -> Sequence[str]:
    """Difference, ends of its interval and p after Holm as the cells of a CSV, empty where there is no test."""
    if test is None:
        return ("", "", "", "")
    low, high = test.test.interval or (None, None)
    points = ("" if one is None else f"{100 * one:.4f}" for one in (test.test.difference, low, high))
    return (*points, f"{test.p_holm:.4g}")
