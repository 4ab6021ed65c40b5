"""The figure of MADD's factor: precision, recall and share of zeroed samples against labelled pauses."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from speechbrain_ext.analysis.madd_pauses import PauseComparison
from speechbrain_ext.report.figures.drawing import BAR, DEV_LINE, INK, LINE, WIDTH_IN

CURVES = (("precision", LINE, "-"), ("recall", DEV_LINE, "-"), ("f1", INK, "-"), ("zeroed", BAR, "--"))
NAMES = {"f1": "F1", "zeroed": "zeroed, of all samples"}


def build_madd(comparisons: Sequence[PauseComparison], corpus: str) -> Figure:
    """Build one panel for each reading of the labels.

    Arguments
    ---------
    comparisons : sequence of PauseComparison
        One or two.
    corpus : str
        What the copy is, for the title.
    """
    figure = Figure(figsize=(WIDTH_IN, 1.0 + 2.7 * len(comparisons)), layout="constrained")
    panels = figure.subplots(len(comparisons), squeeze=False, sharex=True)[:, 0]
    for axes, found in zip(panels, comparisons, strict=True):
        for name, colour, style in CURVES:
            points = [(row.factor, getattr(row, name)) for row in found.rows if getattr(row, name) is not None]
            axes.plot(*zip(*points, strict=True), style, color=colour, marker=".", label=NAMES.get(name, name))
        axes.axvline(found.best.factor, color=INK, linewidth=0.8, linestyle=":")
        axes.set_title(
            f"times read as the {found.times} of labels: pauses at {found.pause_db:.1f} dB, the rest at "
            f"{found.speech_db:.1f} dB",
            fontsize=9,
            loc="left",
        )
        axes.set_ylim(0, 1)
        axes.yaxis.set_major_formatter(PercentFormatter(xmax=1))
    panels[0].legend(fontsize=8, frameon=False)
    panels[-1].set_xlabel("factor f (dotted: greatest F1)")
    figure.suptitle(f"MADD against labelled pauses, {corpus}", fontsize=11)
    return figure
