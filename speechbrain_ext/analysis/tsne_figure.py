"""The figure of what a network makes of utterances: t-SNE of their vectors, points by class.

Source
------
Zou, Si, Chen, Rajan and Chng, ICASSP 2022, "Speech emotion recognition with co-attention based
multi-level acoustic information", figure 2. Van der Maaten and Hinton, JMLR 2008, for t-SNE.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from speechbrain_ext.evaluation.records import Results
from speechbrain_ext.report.figures.drawing import (
    BAR,
    DEV_LINE,
    INK,
    LINE,
    SOFT,
    WIDTH_IN,
    draw_watermark,
    frame,
    is_narrow,
    labelled,
    new_figure,
    set_title,
)
from speechbrain_ext.utils.errors import UserError

# A marker of its own for each class, for readers who see no colours.
COLOURS = (LINE, DEV_LINE, "#009e73", "#cc79a7", "#e6a817", BAR, INK, SOFT)
MARKERS = "osD^XvP<*>p"
FEWEST_POINTS = 5
LARGEST_PERPLEXITY = 30.0
SEED = 0
KINDS = {"w2e": "wav2vec 2.0 embedding (W2E)", "fused": "fused features", "embedding": "last hidden layer"}
SCORES = "scores of the classifier"


@dataclass(frozen=True)
class Panel:
    """One picture.

    Attributes
    ----------
    results : Results
        Of the run.
    kind, fold : str
        Name of the vectors; the fold, or "all".
    points : array
        [utterance, 2], as `coordinates` gives them.
    labels : array of str
        [utterance], true classes.
    """

    results: Results
    kind: str
    fold: str
    points: np.ndarray
    labels: np.ndarray


def coordinates(vectors: np.ndarray, seed: int = SEED) -> np.ndarray:
    """Lay vectors out in a plane by t-SNE, the same each time whatever the number of threads.

    Arguments
    ---------
    vectors : array
        [utterance, feature].
    seed : int
        Of t-SNE.

    Returns
    -------
    array
        [utterance, 2].

    Raises
    ------
    UserError
        Fewer than 5 vectors, or vectors that are not finite or all the same.
    """
    # Scikit-learn takes a second to import, which a page without this figure need not wait for.
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    count = len(vectors)
    if count < FEWEST_POINTS:
        raise UserError(f"t-SNE: expected at least {FEWEST_POINTS} utterances, found {count}: name another --fold")
    rows = np.asarray(vectors, dtype=np.float64)  # [utterance, feature]
    if not np.isfinite(rows).all():
        raise UserError("t-SNE: expected finite vectors, found others: look at the curves of training")
    if (rows == rows[0]).all():
        raise UserError("t-SNE: expected vectors that differ, found one for all utterances: name other --vectors")
    # A second axis to begin with, where there is but one number; distances stay.
    rows = np.pad(rows, ((0, 0), (0, max(0, 2 - rows.shape[1]))))  # [utterance, feature]
    tsne = TSNE(perplexity=perplexity_of(count), init="pca", learning_rate="auto", random_state=seed)
    with threadpool_limits(1):
        return tsne.fit_transform(rows)  # [utterance, 2]


def perplexity_of(count: int) -> float:
    """The perplexity for so many points: 30, or less where there are few.

    Example
    -------
    >>> perplexity_of(1000), perplexity_of(31)
    (30.0, 10.0)
    """
    return min(LARGEST_PERPLEXITY, (count - 1) / 3)


def build_tsne(panels: Sequence[Sequence[Panel]]) -> Figure:
    """Build the figure from its panels [row][column]."""
    rows, columns = len(panels), len(panels[0])
    width = max(WIDTH_IN, 3.2 * columns)
    # A single panel would be as high as it is wide.
    height = 1.5 + rows * min(4.4, width / columns)
    figure = new_figure(width, height)
    grid = figure.subplots(rows, columns, squeeze=False)
    first = panels[0][0].results
    runs = {_key(panel.results): panel for row in panels for panel in row}
    for row, drawn in zip(grid, panels, strict=True):
        for axes, panel in zip(row, drawn, strict=True):
            _points(axes, panel, first.target.names, is_named=len(runs) > 1)
    handles = labelled(grid.flat)
    names = [name for name in first.target.names if name in handles]
    drawn_handles = [handles[name] for name in names]
    columns = min(len(names), 3 if is_narrow() else 5)
    figure.legend(drawn_handles, names, loc="outside lower center", ncols=columns, frameon=False, fontsize=9)
    set_title(figure, _title(list(runs.values())))
    draw_watermark(figure, first.source, is_behind=True)
    return figure


def _key(results: Results) -> tuple[object, ...]:
    return results.system, results.row, results.protocol, results.seed


def _title(runs: Sequence[Panel]) -> str:
    first, folds = runs[0].results, list(dict.fromkeys(panel.fold for panel in runs))
    words = "all folds, each of which has a space of its own" if folds == ["all"] else f"fold {', '.join(folds)}"
    protocols = list(dict.fromkeys(panel.results.protocol_name for panel in runs))
    named = f"{first.run_name}: " if len(runs) == 1 else ""
    return f"{named}{first.corpus_name}, {', '.join(protocols)}\nt-SNE of tested utterances, {words}"


def _points(axes: Axes, panel: Panel, classes: Sequence[str], is_named: bool) -> None:
    size = float(np.clip(9000 / len(panel.points), 8, 30))
    for place, name in enumerate(classes):
        chosen = panel.labels == name  # [utterance]
        if chosen.any():
            across, up = panel.points[chosen].T  # [utterance], [utterance]
            axes.scatter(
                across,
                up,
                s=size,
                color=COLOURS[place % len(COLOURS)],
                marker=MARKERS[place % len(MARKERS)],
                edgecolors="white",
                linewidths=0.3,
                label=name,
            )
    is_scores = panel.kind == "embedding" and not panel.results.has_epochs
    words = SCORES if is_scores else KINDS.get(panel.kind, panel.kind)
    run = f"{panel.results.run_name}, seed {panel.results.seed}\n" if is_named else ""
    axes.set_title(f"{run}{words} (n = {len(panel.points)})", fontsize=9)
    # The axes of t-SNE have no unit and no direction.
    axes.set(xticks=[], yticks=[])
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.05)
    frame(axes)
