"""Bars of a run: recall and precision by class, UAR and WA by speaker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from speechbrain_ext.evaluation.breakdown import SpeakerScores, by_class, worst_speaker
from speechbrain_ext.evaluation.records import Results
from speechbrain_ext.report.figures.drawing import (
    BAR,
    DEV_LINE,
    INK,
    LINE,
    SOFT,
    WIDTH_IN,
    draw_watermark,
    is_narrow,
    new_figure,
    set_title,
)
from speechbrain_ext.utils.text import percent

# More speakers than this are not legible: then the lowest are drawn.
MOST_SPEAKERS = 40


@dataclass(frozen=True)
class Bar:
    """One bar: its name, how many utterances, the bar's share and the marker's (None where nothing was counted)."""

    name: str
    n: int
    share: float | None
    mark: float | None
    is_lowest: bool = False


def build_classes(results: Results) -> Figure:
    """Build recall (bars) and precision (markers) of each class."""
    bars = [Bar(one.name, one.n, one.recall, one.precision) for one in by_class(results)]
    return _figure(results, bars, ("recall", "precision"), "")


def build_speakers(results: Results, speakers: Sequence[SpeakerScores]) -> Figure:
    """Build UAR (bars) and WA (markers) of each speaker; the lowest bar is marked where it is the only one."""
    worst = worst_speaker(speakers)
    bars = [Bar(one.name, one.n, one.uar, one.wa, one.name == worst) for one in speakers]
    note = ""
    if len(bars) > MOST_SPEAKERS:
        note = f"\n{MOST_SPEAKERS} of {len(bars)} speakers, from the lowest UAR on"
        bars = sorted(bars, key=lambda bar: bar.share or 0)[:MOST_SPEAKERS]
    return _figure(results, bars, ("UAR of the speaker", "WA of the speaker"), note)


def _figure(results: Results, bars: Sequence[Bar], labels: tuple[str, str], note: str) -> Figure:
    figure = new_figure(WIDTH_IN, 0.36 * len(bars) + 1.9, in_rows=True)
    axes = figure.add_subplot()
    for place, bar in enumerate(bars):
        shade: dict[str, Any] = (
            {"color": DEV_LINE, "hatch": "//", "edgecolor": "white"} if bar.is_lowest else {"color": BAR}
        )
        axes.barh(place, 100 * (bar.share or 0), height=0.66, label=None if place else labels[0], **shade)
        value = percent(bar.share) + (" lowest" if bar.is_lowest else "")
        weight = "bold" if bar.is_lowest else "normal"
        axes.text(102, place, value, va="center", fontsize=9, color=INK, fontweight=weight)
    marked = [(100 * bar.mark, place) for place, bar in enumerate(bars) if bar.mark is not None]
    axes.plot(
        *zip(*marked, strict=True),
        "D",
        color=LINE,
        markeredgecolor="white",
        markersize=6,
        clip_on=False,
        label=labels[1],
    )
    uar = 100 * results.pooled["uar"].value
    axes.axvline(uar, color=SOFT, linestyle="--", linewidth=1, label=f"UAR of all: {uar:.2f}")
    axes.set_yticks(range(len(bars)), [f"{bar.name}  (n = {bar.n})" for bar in bars])
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("per cent")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", alpha=0.25)
    axes.set_axisbelow(True)
    handles, names = _with_plain_bar(*axes.get_legend_handles_labels(), labels[0])
    columns = 1 if is_narrow() else 3
    figure.legend(handles, names, loc="outside lower center", ncols=columns, frameon=False, fontsize=9)
    set_title(figure, results.run_title + note)
    draw_watermark(figure, results.source)
    return figure


def _with_plain_bar(handles: list[Any], names: list[str], label: str) -> tuple[list[Any], list[str]]:
    """Give the legend a plain bar first, though the first bar drawn may be the marked one."""
    others = [(handle, name) for handle, name in zip(handles, names, strict=True) if name != label]
    return [Patch(color=BAR), *(handle for handle, _ in others)], [label, *(name for _, name in others)]
