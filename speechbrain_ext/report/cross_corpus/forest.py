"""The forest plot of a matrix: what each method changes in each direction, with intervals over speakers."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from speechbrain_ext.evaluation.matrix import Matrix
from speechbrain_ext.report.cross_corpus.differences import Difference
from speechbrain_ext.report.cross_corpus.grids import train_name
from speechbrain_ext.report.figures.drawing import SOFT, draw_watermark, new_figure, set_title
from speechbrain_ext.report.units import unit_of

# Okabe and Ito's colours and different marks: they can be told apart in grey and with all kinds of colour vision. More
# marks than colours, so that no pair of both comes twice.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8c8c8c")
MARKS = "osD^vPX*p"
# Height of a method's interval, and the space between two directions, in inches.
METHOD_IN, GAP_IN = 0.13, 0.12
# Height of a line of the legend.
_LEGEND_IN = 0.2


def build_forest_of_methods(matrix: Matrix, found: Sequence[Difference]) -> Figure:
    """Draw the score of each method less that of the model as it was trained, a line for each direction.

    Arguments
    ---------
    matrix : Matrix
    found : sequence of Difference
        A filled mark holds at 5 % after Holm's correction; an empty one does not.

    Returns
    -------
    Figure
    """
    lines = list(dict.fromkeys(_line(one) for one in found))
    methods = list(dict.fromkeys(one.cell.method for one in found))
    height = METHOD_IN * len(found) + GAP_IN * len(lines) + _LEGEND_IN * -(-len(methods) // 3) + 1.5
    figure = new_figure(7.0, height, in_rows=True)
    axes = figure.add_subplot()
    axes.axvline(0, color=SOFT, linewidth=1)
    middles: list[float] = []
    place = 0.0
    for line in lines:
        own = [one for one in found if _line(one) == line]
        if middles:
            axes.axhline(place, color=SOFT, linewidth=0.4, alpha=0.4)
        middles.append(place + (METHOD_IN * len(own) + GAP_IN) / 2)
        place += GAP_IN / 2
        for one in own:
            _draw(axes, one, place + METHOD_IN / 2, methods.index(one.cell.method))
            place += METHOD_IN
        place += GAP_IN / 2
    for number, method in enumerate(methods):
        colour, mark = COLOURS[number % len(COLOURS)], MARKS[number % len(MARKS)]
        axes.plot([], [], mark, color=colour, label=method)
    names = [
        f"{system}: {train_name(train)} → {target}{f', {dimension}' if dimension else ''}"
        for system, train, target, dimension in lines
    ]
    axes.set_yticks(middles, names, fontsize=8)
    axes.set_ylim(place, 0.0)
    axes.grid(axis="x", alpha=0.25)
    axes.tick_params(axis="y", length=0)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    words = "all are transductive; filled: holds at 5 % after Holm"
    set_title(figure, f"{'CCC' if matrix.dimensions else 'Points of UAR'} gained over the model as trained\n({words})")
    draw_watermark(figure, matrix.source, is_behind=True)
    return figure


def _draw(axes: Axes, one: Difference, place: float, number: int) -> None:
    """Draw a difference with its interval, in the colour and with the mark of its method."""
    colour, mark = COLOURS[number % len(COLOURS)], MARKS[number % len(MARKS)]
    factor = unit_of(one.metric).factor
    if one.test.interval is not None:
        axes.plot([factor * end for end in one.test.interval], [place, place], color=colour, linewidth=1.4)
    inside = colour if one.holds else "white"
    axes.plot([factor * one.test.difference], [place], mark, color=colour, markerfacecolor=inside, markersize=5)


def _line(one: Difference) -> tuple[str, tuple[str, ...], str, str]:
    return one.cell.system, one.cell.train, one.cell.target, one.dimension
