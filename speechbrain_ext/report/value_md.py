"""The tables of RESULTS.md for kept results on dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from speechbrain_ext.corpora.labels import DIMENSIONS
from speechbrain_ext.evaluation.cards import epochs_name, has_epochs, row_name, selection_name
from speechbrain_ext.evaluation.deviations import marked
from speechbrain_ext.evaluation.value_results import make_value_summary
from speechbrain_ext.utils.text import DASH, decimal, decimal_with_interval, decimal_with_std

HEAD = [
    "",
    "System",
    "Row",
    *(f"CCC {name}, pooled [95 %]" for name in DIMENSIONS),
    "CCC, mean, pooled",
    "CCC, mean of folds ± std",
    "Seeds",
    "Selection",
    "Epochs",
    "Commit",
]
RULE = "|" + " --- |" * 3 + " ---: |" * (len(DIMENSIONS) + 2) + " --- |" * 4
EXPLANATION = (
    "Dimensions in place of classes. CCC: concordance correlation coefficient of all tested utterances, 1 where truth "
    "and prediction are the same, 0 where nothing goes together; the mean is over the row's dimensions. Square "
    "brackets: 95 % interval, bootstrap over speakers. ±: standard deviation over folds; in a row of several seeds, "
    "over seeds, also of the pooled scores."
)


def value_table(kept: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Lay out the rows of a protocol's kept results on dimensions, each a list of cells; the first is the head.

    Arguments
    ---------
    kept : sequence of dict
        The content of each results.json, by system, row and seed.

    Returns
    -------
    rows : list of lists of str
        Cells as plain text.
    """
    rows = [HEAD]
    for _, group in groupby(kept, key=lambda results: (results["system"], row_name(results))):
        seeds = list(group)
        rows += [_here(results) for results in seeds]
        if len(seeds) > 1:
            rows.append(_all_seeds(seeds))
    return rows


def _here(results: dict[str, Any]) -> list[str]:
    pooled, mean = results["pooled"], results["mean"]
    scores = [
        decimal_with_interval(pooled["ccc"][name], pooled["ccc_ci95"][name]) if name in pooled["ccc"] else DASH
        for name in DIMENSIONS
    ]
    scores += [decimal(pooled["ccc_mean"]), decimal_with_std(mean["ccc_mean"], mean["ccc_mean_std"])]
    return [
        "Here",
        results["system"],
        marked(row_name(results), results),
        *scores,
        str(results["seed"]),
        *_made([results]),
    ]


def _all_seeds(kept: Sequence[dict[str, Any]]) -> list[str]:
    summary = make_value_summary(kept)
    ccc = summary["pooled"]["ccc"]
    spreads = [ccc.get(name) for name in DIMENSIONS] + [summary[part]["ccc_mean"] for part in ("pooled", "mean")]
    scores = [DASH if one is None else decimal_with_std(one["mean"], one["std"]) for one in spreads]
    seeds = "mean ± std of " + ", ".join(str(seed) for seed in summary["seeds"])
    return ["Here", kept[0]["system"], marked(row_name(kept[0]), kept[0]), *scores, seeds, *_made(kept)]


def _made(kept: Sequence[dict[str, Any]]) -> list[str]:
    commits = sorted({results["commit"][:12] for results in kept})
    selection = selection_name(kept[0]) if has_epochs(kept[0]) else DASH
    return [selection, epochs_name(kept), ", ".join(commits)]
