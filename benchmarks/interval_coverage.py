"""How often 95 % intervals over speakers contain the true score: the jackknife against the percentile bootstrap.

Speakers are simulated (`speechbrain_ext/testing/simulated_speakers.py`), so that the true score is known. Both methods
see the same data. Also how often the permutation test over speakers calls two systems different that are alike. Writes
`speechbrain_ext/evaluation/coverage.json`, or the file that is named; takes about 15 minutes.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402

from speechbrain_ext.evaluation.coverage import COMMAND, COVERAGE_FILE  # noqa: E402
from speechbrain_ext.metrics.bootstrap import bootstrap_interval  # noqa: E402
from speechbrain_ext.metrics.classes import scores_of_confusion  # noqa: E402
from speechbrain_ext.metrics.jackknife import CORRELATION, DIFFERENCE, SHARE, Scale, interval_ends  # noqa: E402
from speechbrain_ext.metrics.paired_tests import PairedTest, paired_concordance, paired_test  # noqa: E402
from speechbrain_ext.metrics.values import concordance_of_sums, value_sums  # noqa: E402
from speechbrain_ext.testing.simulated_speakers import (  # noqa: E402
    CLASS_POPULATIONS,
    VALUE_POPULATIONS,
    ClassPopulation,
    ValuePopulation,
)

SPEAKERS = (2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24)
JACKKNIFE_DATA_SETS, OTHER_DATA_SETS, BATCH, SEED = 10_000, 2_000, 500, 20240
# How much better the second of two systems is, in logits of recall, and in slope of values; the level of the test.
SHIFT, STEEPER, LEVEL = 0.3, 0.1, 0.05
Draw = Callable[[int, int, np.random.Generator], np.ndarray]
Score = Callable[[np.ndarray], np.ndarray]


def cases() -> Iterator[tuple[str, str, float, Draw, Score, Scale]]:
    """Every population with its scores: names, the true score, and how data sets are drawn and scored."""
    for classes in CLASS_POPULATIONS:
        for metric in ("wa", "uar"):
            yield metric, classes.name, classes.expected(metric), classes.draw, score_of(metric), SHARE
        truth = classes.expected_difference("uar", SHIFT)
        yield "difference", classes.name, truth, pairs_of(classes), gain, DIFFERENCE
    for values in VALUE_POPULATIONS:
        yield "ccc", values.name, values.expected, sums_of(values), concordance_of_sums, CORRELATION
        truth = values.expected_difference(STEEPER)
        yield "ccc_difference", values.name, truth, value_pairs_of(values), gain_of_ccc, DIFFERENCE


def score_of(metric: str) -> Score:
    """The score of confusion matrices."""
    return lambda cells: scores_of_confusion(cells, metric)


def pairs_of(classes: ClassPopulation) -> Draw:
    """Draws two systems, the second a little better [data set, speaker, system, true class, predicted class]."""
    return lambda *asked: np.stack(classes.draw_pairs(*asked, shift=SHIFT), axis=2)


def sums_of(values: ValuePopulation) -> Draw:
    """Draws what the CCC is computed from [data set, speaker, sum]."""
    return lambda *asked: value_sums(*values.draw(*asked))


def value_pairs_of(values: ValuePopulation, steeper: float = STEEPER) -> Draw:
    """Draws what the CCC of two systems is computed from [data set, speaker, system, sum]."""

    def draw(n_speakers: int, n: int, generator: np.random.Generator) -> np.ndarray:
        true, *systems = values.draw_pairs(n_speakers, n, generator, steeper)
        return np.stack([value_sums(true, one) for one in systems], axis=2)

    return draw


def gain_of_ccc(sums: np.ndarray) -> np.ndarray:
    """CCC of the second system less that of the first."""
    scores = concordance_of_sums(sums)  # [..., system]
    return scores[..., 1] - scores[..., 0]


def gain(cells: np.ndarray) -> np.ndarray:
    """UAR of the second system less that of the first."""
    scores = scores_of_confusion(cells, "uar")  # [..., system]
    return scores[..., 1] - scores[..., 0]


def measure(truth: float, draw: Draw, score: Score, scale: Scale, n_speakers: int) -> dict[str, float]:
    """Share of data sets whose interval contains the true score, and of those that have no interval."""
    generator = np.random.default_rng([SEED, n_speakers])
    covered = {"jackknife": 0, "bootstrap": 0}
    known = 0
    for first in range(0, JACKKNIFE_DATA_SETS, BATCH):
        data = draw(n_speakers, BATCH, generator)  # [data set, speaker, ...]
        low, high, _ = interval_ends(data, score, scale, axis=1)  # [data set] each
        known += int(np.isfinite(low).sum())
        covered["jackknife"] += int(((low <= truth) & (truth <= high)).sum())
        if first < OTHER_DATA_SETS:
            for number, one in enumerate(data):
                ends = bootstrap_interval(one, score, seed=first + number)
                covered["bootstrap"] += ends is not None and ends[0] <= truth <= ends[1]
    return {
        "jackknife": round(covered["jackknife"] / known, 5),
        "bootstrap": covered["bootstrap"] / OTHER_DATA_SETS,
        "no_interval": round(1 - known / JACKKNIFE_DATA_SETS, 5),
    }


def false_alarms(population: ClassPopulation | ValuePopulation, n_speakers: int) -> float:
    """Share of data sets on which two alike systems are called different."""
    tests = alike_pairs(population, n_speakers, np.random.default_rng([SEED, n_speakers]))
    return sum(test.p is not None and test.p <= LEVEL for test in tests) / OTHER_DATA_SETS


def alike_pairs(
    population: ClassPopulation | ValuePopulation, n_speakers: int, generator: np.random.Generator
) -> Iterator[PairedTest]:
    """Test two alike systems on each data set: UAR, or the CCC of values."""
    if isinstance(population, ValuePopulation):
        for both in value_pairs_of(population, 0.0)(n_speakers, OTHER_DATA_SETS, generator):
            yield paired_concordance(both[None, :, 0], both[None, :, 1])
    else:
        for first, second in zip(*population.draw_pairs(n_speakers, OTHER_DATA_SETS, generator), strict=True):
            yield paired_test(first[None], second[None], "uar")


def one_row_a_line(record: dict[str, Any]) -> str:
    """JSON with each row of a list on a line of its own."""
    lines = []
    for key, value in record.items():
        rows = ",\n  ".join(map(json.dumps, value)) if isinstance(value, list) else ""
        lines.append(f' "{key}": ' + (f"[\n  {rows}\n ]" if rows else json.dumps(value)))
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main() -> None:
    """Measure, print a table, write the file and the result line."""
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else COVERAGE_FILE
    rows: list[dict[str, Any]] = []
    print(f"{'score':<12}{'population':<14}{'speakers':>8}{'jackknife':>11}{'bootstrap':>11}{'no interval':>13}")
    for score, name, truth, *case in cases():
        for n_speakers in SPEAKERS:
            found = measure(truth, *case, n_speakers)
            rows.append({"score": score, "population": name, "speakers": n_speakers, **found})
            shares = f"{found['jackknife']:>11.3f}{found['bootstrap']:>11.3f}{found['no_interval']:>13.4f}"
            print(f"{score:<12}{name:<14}{n_speakers:>8}{shares}", flush=True)
    tests: list[dict[str, Any]] = []
    for population in (*CLASS_POPULATIONS, *VALUE_POPULATIONS):
        for n_speakers in SPEAKERS:
            share = false_alarms(population, n_speakers)
            tests.append({"population": population.name, "speakers": n_speakers, "level": LEVEL, "rejected": share})
            print(f"permutation test at {LEVEL}: {population.name:<14}{n_speakers:>4}{share:>8.4f}", flush=True)
    record = {
        "command": COMMAND,
        "level": 0.95,
        "data_sets": {"jackknife": JACKKNIFE_DATA_SETS, "bootstrap": OTHER_DATA_SETS, "tests": OTHER_DATA_SETS},
        "seed": SEED,
        "coverage": rows,
        "tests": tests,
    }
    place.write_text(one_row_a_line(record), encoding="utf-8")
    many = [row for row in rows if row["speakers"] >= 5]
    ends = {
        name: [min(row[name] for row in many), max(row[name] for row in many)] for name in ("jackknife", "bootstrap")
    }
    result = {
        "benchmark": "interval_coverage",
        "ratio": ends["bootstrap"][0] / ends["jackknife"][0],
        **ends,
        "device": platform.processor() or platform.machine(),
        "threads": 1,
    }
    print("RESULT " + json.dumps(result))


if __name__ == "__main__":
    main()
