"""The figure of silence in the mask residual network: one utterance after each stage, with masks and without.

Source
------
Li and Zhang 2024, "Cross-feature fusion speech emotion recognition based on attention mask residual
network and Wav2vec 2.0", Digital Communications and Networks, figure 4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from speechbrain_ext.evaluation.facts import Identity
from speechbrain_ext.report.figures.drawing import BAR, INK, LINE, SOFT, WIDTH_IN, draw_watermark, frame

if TYPE_CHECKING:
    from speechbrain_ext.analysis.mask_maps import MaskMaps, StageMap

SAMPLE_RATE_HZ = 16000
# More columns than this no page shows; of those drawn as one the largest value counts.
COLUMNS = 500
KINDS = (("masked", "with masks"), ("plain", "same weights, no masks"))


def build_mask_figure(maps: MaskMaps, run: Identity) -> Figure:
    """Build the figure.

    Arguments
    ---------
    maps : MaskMaps
        As `speechbrain_ext.analysis.mask_runs.mask_maps` gives them.
    run : Identity
        What the run is.
    """
    stages = len(maps.stages)
    figure = Figure(figsize=(WIDTH_IN, 3.2 + 1.2 * stages), layout="constrained")
    heights = [0.8, 0.8, *[1.0, 0.1] * stages]
    grid = figure.add_gridspec(len(heights), 2, height_ratios=heights)
    top = figure.add_subplot(grid[0, :])
    _waveform(top, maps.original, "waveform", maps)
    below = figure.add_subplot(grid[1, :], sharex=top)
    is_padded = len(maps.processed) < maps.seen_s * SAMPLE_RATE_HZ
    words = "after MADD, silence shaded" + ", padding (counted as silence) hatched" * is_padded
    _waveform(below, maps.processed, words, maps)
    _shade(below, maps)
    for number, stage in enumerate(maps.stages):
        top_value = max(float(stage.masked.max()), float(stage.plain.max())) or 1.0
        row = 2 + 2 * number
        for column, (kind, words) in enumerate(KINDS):
            axes = figure.add_subplot(grid[row, column])
            _activations(axes, stage, kind, words, top_value, maps.seen_s)
            strip = figure.add_subplot(grid[row + 1, column])
            if column == 0:
                axes.set_ylabel(f"{stage.name}\nchannel", fontsize=8)
                _mask(strip, stage.mask, maps.seen_s)
            else:
                # Nothing but the axis of time, in line with the one to the left.
                strip.set(xlim=(0, maps.seen_s), yticks=[])
                strip.spines[:].set_visible(False)
            strip.tick_params(bottom=column == 0 or number == stages - 1, labelbottom=number == stages - 1)
            strip.tick_params(labelsize=7, length=2)
            if number == stages - 1:
                strip.set_xlabel("s", fontsize=8)
    figure.suptitle(_title(maps, run), fontsize=10)
    draw_watermark(figure, run.source)
    return figure


def percent_of_zeros(share: float | None) -> str:
    """Say a share in per cent, rounded down, so that 100 says all without exception.

    Example
    -------
    >>> percent_of_zeros(1.0), percent_of_zeros(0.99999), percent_of_zeros(None)
    ('100 %', '99.9 %', '-')
    """
    if share is None:
        return "-"
    return "100 %" if share == 1 else f"{math.floor(1000 * share) / 10:.1f} %"


def _title(maps: MaskMaps, run: Identity) -> str:
    end_s = maps.start_s + len(maps.processed) / SAMPLE_RATE_HZ
    return (
        f"Silence in the network: {run.run_name}, trained as {maps.variant}\n"
        f"{run.corpus_name}: fold {maps.fold}, utterance {maps.utterance}, {maps.start_s:.2f} to {end_s:.2f} s"
    )


def _waveform(axes: Axes, samples: np.ndarray, title: str, maps: MaskMaps) -> None:
    step = max(1, len(samples) // (2 * COLUMNS))
    padded = np.pad(samples, (0, -len(samples) % step)).reshape(-1, step)  # [columns, samples of a column]
    times_s = np.arange(len(padded)) * step / SAMPLE_RATE_HZ  # [columns]
    axes.fill_between(times_s, padded.min(axis=1), padded.max(axis=1), color=LINE, linewidth=0.4)
    axes.set_xlim(0, maps.seen_s)
    axes.set_title(title, fontsize=8, loc="left", pad=2)
    axes.tick_params(labelsize=7)


def _shade(axes: Axes, maps: MaskMaps) -> None:
    for start, stop in maps.silences:
        axes.axvspan(start / SAMPLE_RATE_HZ, stop / SAMPLE_RATE_HZ, color=BAR, alpha=0.5, linewidth=0)
    end_s = len(maps.processed) / SAMPLE_RATE_HZ
    if end_s < maps.seen_s:
        axes.axvspan(end_s, maps.seen_s, facecolor="none", edgecolor=SOFT, hatch="///", linewidth=0)


def _activations(axes: Axes, stage: StageMap, kind: str, words: str, top_value: float, seen_s: float) -> None:
    """An image of the activations in which exactly 0 alone is white."""
    colours = matplotlib.colormaps["viridis_r"].with_extremes(bad="white")
    values = np.ma.masked_equal(columns_of(getattr(stage, kind)), 0)  # [channel, column]
    extent = (0, seen_s, 0, len(values))
    axes.imshow(
        values,
        cmap=colours,
        vmin=0,
        vmax=top_value,
        aspect="auto",
        origin="lower",
        interpolation="nearest",
        extent=extent,
    )
    share = stage.zero_share(kind)
    note = "no silent frame left" if share is None else f"silence {percent_of_zeros(share)} zero"
    axes.set_title(f"{words}: {note}", fontsize=8, loc="left", pad=2)
    axes.tick_params(labelsize=7, labelbottom=False, labelleft=kind == "masked")
    frame(axes)


def _mask(axes: Axes, mask: np.ndarray, seen_s: float) -> None:
    values = columns_of(mask[None].astype(np.float32))  # [1, column]
    extent = (0, seen_s, 0, 1)
    axes.imshow(values, cmap="Greys", vmin=0, vmax=1, aspect="auto", interpolation="nearest", extent=extent)
    axes.set_yticks([])
    axes.set_ylabel("mask", fontsize=7, rotation=0, ha="right", va="center", color=INK)
    frame(axes, "black")


def columns_of(values: np.ndarray, columns: int = COLUMNS) -> np.ndarray:
    """Make a map [channel, frame] so narrow that it can be drawn: the largest of neighbouring frames.

    Example
    -------
    >>> columns_of(np.array([[0.0, 1.0, 0.0, 0.0, 2.0]]), columns=3).tolist()
    [[1.0, 0.0, 2.0]]
    """
    width = -(-values.shape[1] // columns)
    padded = np.pad(values, ((0, 0), (0, -values.shape[1] % width)), mode="edge")  # [channel, columns * width]
    return padded.reshape(len(values), -1, width).max(axis=2)  # [channel, column]


def zeros_text(stages: Sequence[StageMap]) -> str:
    """Write a table of the stages: frames, silent ones, and the share of zeros in these."""
    lines = [f"{'stage':<10}{'frames':>8}{'silent':>8}{'0 with masks':>15}{'0 without':>12}"]
    for stage in stages:
        masked, plain = (percent_of_zeros(stage.zero_share(kind)) for kind, _ in KINDS)
        silent = int((~stage.mask).sum())
        lines.append(f"{stage.name:<10}{len(stage.mask):>8}{silent:>8}{masked:>15}{plain:>12}")
    return "\n".join(lines)
