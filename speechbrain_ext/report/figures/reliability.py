"""The reliability diagram: whether utterances are recognised as often as the posteriors say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from speechbrain_ext.evaluation.records import Results
from speechbrain_ext.evaluation.targets import Prediction
from speechbrain_ext.metrics.calibration import N_BINS, reliability_bins
from speechbrain_ext.report.figures.drawing import (
    BAR,
    LINE,
    SOFT,
    WIDTH_IN,
    draw_watermark,
    is_narrow,
    new_figure,
    set_title,
)


def build_reliability(results: Results, rows: Sequence[Prediction]) -> Figure:
    """Build accuracy by confidence, against the line where both are the same; below it how many utterances there are.

    Arguments
    ---------
    results : Results
    rows : sequence of Prediction
        The run's predictions, with posteriors.
    """
    classes = {name: number for number, name in enumerate(results.target.names)}
    bins = reliability_bins([row.posteriors for row in rows], [classes[row.label] for row in rows])
    filled = [(one.low, one.n, one.confidence, one.accuracy) for one in bins if one.n]
    low, counts, confidence, accuracy = (100 * np.array(part, dtype=float) for part in zip(*filled, strict=True))
    figure = new_figure(WIDTH_IN, 5.4)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    width = 100 / N_BINS
    above.bar(low, accuracy, width, align="edge", color=BAR, edgecolor="white", label="recognised")
    above.plot(
        *(confidence, accuracy, "D"),
        color=LINE,
        markeredgecolor="white",
        markersize=6,
        clip_on=False,
        label="at the mean confidence of the bin",
    )
    above.plot([0, 100], [0, 100], color=SOFT, linestyle="--", linewidth=1, label="calibrated")
    above.set_ylim(0, 100)
    above.set_ylabel("recognised, per cent")
    below.bar(low, counts / 100, width, align="edge", color=BAR, edgecolor="white")
    # A column of a paper has no room for the numbers.
    for place, count in zip(() if is_narrow() else low, counts / 100, strict=False):
        below.text(place + width / 2, count, f"{count:.0f}", ha="center", va="bottom", fontsize=8, color=SOFT)
    below.margins(y=0.25)
    below.set_ylabel("utterances")
    below.locator_params(axis="y", nbins=3, integer=True)
    below.set_xlim(0, 100)
    below.set_xlabel("confidence: the largest posterior, per cent")
    for axes in (above, below):
        axes.grid(alpha=0.25)
        axes.set_axisbelow(True)
    handles, names = above.get_legend_handles_labels()
    columns = 1 if is_narrow() else 3
    figure.legend(handles, names, loc="outside lower center", ncols=columns, frameon=False, fontsize=9)
    set_title(figure, f"{results.run_title}\nECE {results.target.number(results.pooled['ece'].value)} %")
    draw_watermark(figure, results.source)
    return figure
