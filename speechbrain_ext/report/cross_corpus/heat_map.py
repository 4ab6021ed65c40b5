"""The heat map of a matrix: UAR of each source on each target, one panel a system and method."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from speechbrain_ext.evaluation.matrix import ALL_DATA, UAR, WITHIN, Cell, Matrix
from speechbrain_ext.report.cross_corpus.grids import Grid, chance, grids
from speechbrain_ext.report.figures.drawing import INK, SOFT, draw_watermark, frame, new_figure, set_title
from speechbrain_ext.utils.text import decimal

COLUMNS = 4
PANEL_IN = 2.5
# Dark is low and bright is high, also in grey and for all kinds of colour vision.
COLOUR_MAP = "cividis"


def build_heat_map(matrix: Matrix) -> Figure:
    """Draw UAR in per cent, or CCC: rows are trained on, columns are tested on, the diagonal is outlined.

    Arguments
    ---------
    matrix : Matrix

    Returns
    -------
    Figure
        The colour scale begins at chance; a square without a score is left white.
    """
    panels = [grid for grid in grids(matrix) if grid.model in (ALL_DATA, WITHIN)]
    panels = [grid for grid in panels if any(_is_across(cell) for cell in grid.found)] or panels
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    lines = max(len(grid.trains) for grid in panels)
    height = max(PANEL_IN, 0.45 * lines + 1.1)
    figure = new_figure(max(6.4, PANEL_IN * columns + 1.4), height * rows + 0.7)
    low = chance(matrix)
    found = [score.value for cell in matrix.cells for name in matrix.scores if (score := cell.score(name))]
    high = max(found, default=1.0)
    places = figure.subplots(rows, columns, squeeze=False)
    for number, axes in enumerate(places.flat):
        if number >= len(panels):
            axes.set_visible(False)
            continue
        _draw_panel(axes, panels[number], low, max(high, low + 0.01), is_first=number % columns == 0)
    what = "CCC" if matrix.dimensions else f"UAR in per cent, {len(matrix.classes)} classes"
    set_title(figure, f"{what}: trained on (row), tested on (column)")
    draw_watermark(figure, matrix.source)
    return figure


def _is_across(cell: Cell) -> bool:
    return cell.model != WITHIN and cell.is_scored


def _draw_panel(axes: Axes, grid: Grid, low: float, high: float, is_first: bool) -> None:
    scores = [[None if cell is None else cell.score(grid.score) for cell in line] for line in grid.cells]
    values = [[float("nan") if score is None else score.value for score in line] for line in scores]
    axes.imshow(values, vmin=low, vmax=high, cmap=COLOUR_MAP, aspect="auto")
    for row, line in enumerate(grid.cells):
        for column, cell in enumerate(line):
            score = scores[row][column]
            if cell is None or score is None:
                continue
            is_bright = (score.value - low) / (high - low) > 0.55
            text = f"{100 * score.value:.1f}" if grid.score == UAR else decimal(score.value)
            axes.text(column, row, text, ha="center", va="center", color=INK if is_bright else "white")
            if cell.model == WITHIN:
                square = Rectangle((column - 0.46, row - 0.46), 0.92, 0.92, fill=False, edgecolor=INK, linewidth=1.6)
                axes.add_patch(square)
    axes.set_xticks(range(len(grid.targets)), [_short(name) for name in grid.targets], fontsize=7)
    names = ["\n+ ".join(map(_short, train)) for train in grid.trains]
    axes.set_yticks(range(len(names)), names if is_first else [""] * len(names), fontsize=8)
    remark = "\ntransductive" if grid.is_transductive else "\n"
    axes.set_title(f"{grid.system}, {grid.method}{remark}", fontsize=8.5)
    axes.tick_params(length=0)
    frame(axes, SOFT)


def _short(name: str) -> str:
    return name if len(name) <= 12 else f"{name[:11]}…"
