"""The comparison of systems in words: what differs, how sure that is, and what could have been seen at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from string import ascii_uppercase

from speechbrain_ext.evaluation import statistics
from speechbrain_ext.evaluation.coverage import measured_coverage
from speechbrain_ext.evaluation.statistics import Calibration, Comparison, GroupScores, System
from speechbrain_ext.evaluation.system_files import Systems, read_systems
from speechbrain_ext.evaluation.targets import Classes
from speechbrain_ext.metrics.jackknife import t_quantile
from speechbrain_ext.metrics.paired_tests import DRAWS, LEVEL, PairedTest
from speechbrain_ext.metrics.vote_divergence import FLOOR
from speechbrain_ext.report.run_statistics import GENDERS
from speechbrain_ext.report.units import Unit, unit_of, write_p
from speechbrain_ext.utils.errors import UsageError
from speechbrain_ext.utils.text import DASH, percent


def compare_files(paths: Sequence[Path]) -> str:
    """Compare the first system with each of the others.

    Arguments
    ---------
    paths : sequence of Path
        As `read_systems` takes them.

    Raises
    ------
    UserError
        The systems cannot be compared.
    """
    if not 2 <= len(paths) <= len(ascii_uppercase):
        raise UsageError(f"expected 2 to {len(ascii_uppercase)} systems, found {len(paths)}: name two or more")
    found = read_systems(paths)
    letters, decided = ascii_uppercase[: len(paths)], statistics.decided_by(found.systems[0].target)
    first, *others = found.systems
    comparisons = [statistics.compare(first, other) for other in others]
    n_tests = len(others) * len(decided)
    adjusted = statistics.family_p(comparisons) if n_tests > 1 else [{}]
    lines = [
        headline("A", letter, unit_of(metric), one.tests[metric], p.get(metric))
        for letter, one, p in zip(letters[1:], comparisons, adjusted, strict=True)
        for metric in decided
    ]
    if n_tests > 1:
        systems = f"{len(others)} system{'s' if len(others) > 1 else ''} against A"
        dimensions = f" by {len(decided)} dimensions" if len(decided) > 1 else ""
        lines += ["", f"Family: {systems}{dimensions}; p is adjusted after Holm."]
    lines += ["", *(_scores(letter, system) for letter, system in zip(letters, found.systems, strict=True))]
    lines += [f"Note: {note}" for note in found.notes]
    for letter, one in zip(letters[1:], comparisons, strict=True):
        lines += ["", f"{letter} against A", *_details(letter, one)]
    for metric in decided:
        unit = unit_of(metric)
        lines += ["", *_spreads(letters, comparisons, metric)]
        of_speakers = statistics.by_speaker(found.systems, metric)
        lines += ["", f"{unit.score} of each speaker", *_groups(letters, of_speakers, "speaker", unit)]
        lines += ["", *_genders(letters, found, metric)]
    if isinstance(first.target, Classes):
        lines += ["", *_calibration(letters, found)]
    return "\n".join(lines) + "\n"


def headline(first: str, second: str, unit: Unit, test: PairedTest, adjusted: float | None = None) -> str:
    """Say in one sentence which system is better, by how much, and how sure that is.

    Arguments
    ---------
    first, second : str
        What the systems are called.
    unit : Unit
        Of the score.
    test : PairedTest
    adjusted : float or None
        p after Holm, where there is a family of tests.
    """
    better, worse, sign = (second, first, 1) if test.difference >= 0 else (first, second, -1)
    low, high = sorted(sign * end for end in test.interval or (0.0, 0.0))
    p = test.p if adjusted is None else adjusted
    kind = "p" if adjusted is None else "p after Holm"
    known = f"{kind} = {write_p(p or 0.0)}, {test.n_speakers} speakers"
    if not test.difference:
        return f"{first} and {second} have the same {unit.score}, {known}."
    ends = f"[{unit.shortly(low)}, {unit.shortly(high)}]"
    points = f"by {unit.shortly(abs(test.difference))} {unit.points} {ends}, {known}"
    if p is not None and p <= LEVEL:
        return f"{better} is better {points}."
    return f"{better} is ahead {points}: this does not show that {better} is better than {worse}."


def _scores(letter: str, system: System) -> str:
    seeds = f", mean of {len(system.seeds)} seeds" if len(system.seeds) > 1 else ""
    if isinstance(system.target, Classes):
        wa, uar = (percent(statistics.score(system, metric)) for metric in ("wa", "uar"))
        return f"{letter}: {system.name}: UAR {uar}, WA {wa} per cent{seeds}"
    units = [(one, unit_of(one)) for one in statistics.decided_by(system.target)]
    scores = (f"{unit.score} {unit.write(statistics.score(system, one))}" for one, unit in units)
    return f"{letter}: {system.name}: {', '.join(scores)}{seeds}"


def _details(letter: str, one: Comparison) -> list[str]:
    lines, decided = [], statistics.decided_by(one.first.target)
    for metric, found in one.tests.items():
        unit, (low, high) = unit_of(metric), found.interval or (0.0, 0.0)
        points = " points" if unit.factor > 1 else ""
        lines.append(
            f"  {unit.score}: {letter} - A = {unit.signed(found.difference)}{points} [{unit.write(low)}, "
            f"{unit.write(high)}], p = {write_p(found.p or 0.0)} (systems swapped within a speaker)"
        )
    test = one.tests[decided[0]]
    score, name = ("difference", "UAR") if decided == ("uar",) else ("ccc_difference", "CCC")
    coverage = measured_coverage(score, test.n_speakers)
    if coverage:
        lines.append(
            f"  In simulations with {test.n_speakers} speakers the 95 % interval of a difference of {name} covers "
            f"{coverage.text}."
        )
    made = f"all {test.n_swaps} swaps" if test.is_exact else f"{DRAWS} drawn swaps"
    lines.append(f"  Smallest p that {test.n_speakers} speakers can give: {write_p(test.smallest_p or 0.0)} ({made}).")
    if test.smallest_p and test.smallest_p > LEVEL:
        lines.append(f"  So few speakers cannot show any difference at the level {LEVEL}.")
    for metric in decided:
        unit, found = unit_of(metric), one.tests[metric]
        lines.append(
            f"  Smallest difference that these speakers show: {unit.write(found.smallest_difference or 0.0)} "
            f"{unit.points} (t quantile {t_quantile(found.n_speakers):.2f} times the standard error "
            f"{unit.write(found.standard_error or 0.0)}); the interval of a smaller one contains 0."
        )
    if one.mcnemar:
        counts = f"only A right {one.mcnemar.only_first}, only {letter} right {one.mcnemar.only_second}"
        lines.append(
            f"  If utterances were independent, which they are not (nothing is decided by this): McNemar's exact test, "
            f"{counts}, p = {write_p(one.mcnemar.p)}."
        )
    return lines


def _spreads(letters: str, comparisons: Sequence[Comparison], metric: str) -> list[str]:
    unit = unit_of(metric)
    points = " in points" if unit.factor > 1 else ""
    lines = [f"Spread of {unit.score}{points} (standard deviation, ddof 0)"]
    of_systems = [comparisons[0].spreads[metric][0], *(one.spreads[metric][1] for one in comparisons)]
    for letter, found in zip(letters, of_systems, strict=True):
        seeds = "one seed" if found.over_seeds is None else f"over seeds {unit.write(found.over_seeds)}"
        lines.append(f"  {letter}: over speakers {unit.write(found.over_speakers or 0.0)}, {seeds}")
    return lines


def _groups(letters: str, groups: Sequence[GroupScores], kind: str, unit: Unit) -> list[str]:
    differences = [f"{letter} - A" for letter in letters[1:]]
    rows = [[kind, "n", *letters, *differences]]
    for group in groups:
        cells = [unit.signed(score - group.scores[0]) for score in group.scores[1:]]
        rows.append([group.name, str(group.n), *map(unit.write, group.scores), *cells])
    columns = list(zip(*(group.scores for group in groups), strict=True))  # [system][group]
    gaps = [unit.write(max(column) - min(column)) for column in columns]
    rows.append(["gap", "", *gaps, *("" for _ in differences)])
    return _aligned(rows)


def _genders(letters: str, found: Systems, metric: str) -> list[str]:
    unit, groups = unit_of(metric), statistics.by_gender(found.systems, found.genders, metric)
    if not groups:
        return [f"{unit.score} of each gender: the gender of the speakers is not known, or all have the same."]
    named = [replace(group, name=GENDERS.get(group.name, group.name)) for group in groups]
    return [f"{unit.score} of each gender", *_groups(letters, named, "gender", unit)]


def _calibration(letters: str, found: Systems) -> list[str]:
    rows = [["system", "Brier score", "NLL", "ECE", "KL of votes", "JS of votes"]]
    is_voted = is_tempered = False
    for letter, system in zip(letters, found.systems, strict=True):
        one = statistics.calibration(system, found.votes)
        if one is None:
            rows.append([letter, *[DASH] * 5])
            continue
        is_voted = is_voted or one.votes is not None
        rows.append([letter, *_calibration_cells(one)])
        tempered = system.tempered()
        scaled = statistics.calibration(tempered, found.votes) if tempered else None
        if scaled is not None:
            is_tempered = True
            rows.append([f"{letter}, temperature", *_calibration_cells(scaled)])
    people = statistics.annotators(found.systems[0], found.votes) if is_voted else None
    if people:
        rows.append(["annotator", DASH, DASH, DASH, f"{people.kl:.3f}", f"{people.js:.3f}"])
    shown = rows if is_voted else [row[:4] for row in rows]
    lines = ["Calibration of the posteriors (lower is better; a dash: no posteriors)", *_aligned(shown)]
    if is_tempered:
        lines.append("  Temperature: that of each fold, fitted to its development set; it changes no recognised class.")
    if is_voted:
        lines.append(
            f"  Distance from the annotators' votes: KL in nats with posteriors of at least {FLOOR}, JS in bits; the "
            "last row is one annotator against the others."
        )
    return lines


def _calibration_cells(one: Calibration) -> list[str]:
    votes = [f"{one.votes.kl:.3f}", f"{one.votes.js:.3f}"] if one.votes else [DASH, DASH]
    return [f"{one.brier:.4f}", f"{one.nll:.4f}", f"{one.ece:.4f}", *votes]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append(f"  {'  '.join([first.ljust(widths[0]), *cells])}".rstrip())
    return lines
