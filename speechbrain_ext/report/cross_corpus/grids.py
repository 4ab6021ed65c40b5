"""The cells of a matrix in grids: one for each system, method and kind of model, trained on by tested on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from speechbrain_ext.evaluation.matrix import ALL_DATA, FOLD_ENSEMBLE, FOLD_MEAN, MODELS, UAR, WITHIN, Cell, Matrix
from speechbrain_ext.training.methods import AS_TRAINED
from speechbrain_ext.utils.text import DASH, decimal, percent

TRANSDUCTIVE = "transductive: uses unlabelled target data"
WITHIN_MARK = "(CV)"
WITHIN_EXPLANATION = (
    f"{WITHIN_MARK}: the diagonal is the cross-validation within the corpus, of the model as trained: its training "
    "speakers are of the tested corpus."
)
# How the model of a grid is called in its title.
MODEL_NAMES = (
    (ALL_DATA, "trained on all data"),
    (FOLD_MEAN, "mean of the models of folds"),
    (FOLD_ENSEMBLE, "ensemble of the models of folds"),
    (WITHIN, "cross-validation"),
)


@dataclass(frozen=True)
class Grid:
    """The cells of a system, a method and a kind of model.

    Attributes
    ----------
    system, method, model : str
        As in `Cell`.
    score : str
        "uar", or a dimension whose CCC it shows.
    trains : tuple of tuple of str
        Corpora trained on, one entry a line of the grid.
    targets : tuple of str
        Corpora tested on, one a column.
    cells : tuple of tuples
        [line][column], None where the matrix has no such cell.
    """

    system: str
    method: str
    model: str
    trains: tuple[tuple[str, ...], ...]
    targets: tuple[str, ...]
    cells: tuple[tuple[Cell | None, ...], ...]
    score: str = UAR

    @property
    def found(self) -> list[Cell]:
        """The cells that there are, line by line."""
        return [cell for line in self.cells for cell in line if cell is not None]

    @property
    def is_empty(self) -> bool:
        """Whether it has cells across corpora and none of them has a score: the method does not apply."""
        across = [cell for cell in self.found if cell.model != WITHIN]
        return bool(across) and not any(cell.is_scored for cell in across)

    @property
    def is_transductive(self) -> bool:
        """Whether the method uses unlabelled target data; the diagonal never does."""
        return any(cell.transductive for cell in self.found)

    @property
    def name(self) -> str:
        """System, method and kind of model, with dimensions the one shown, without the remark on target data."""
        shown = "" if self.score == UAR else f"{self.score}, "
        return f"{shown}{self.system}, {self.method}, {dict(MODEL_NAMES)[self.model]}"

    @property
    def title(self) -> str:
        """The name, and whether the method uses unlabelled target data."""
        return f"{self.name} ({TRANSDUCTIVE})" if self.is_transductive else self.name


def grids(matrix: Matrix) -> list[Grid]:
    """Sort the cells into grids, by system, then kind of model, then method.

    Arguments
    ---------
    matrix : Matrix

    Returns
    -------
    list of Grid
        Each with the system's cross-validation on the diagonal; without a grid that would have that alone, unless the
        system has no other cell. With dimensions there is one for each of them.
    """
    place = {name: number for number, name in enumerate(matrix.systems)}
    ordered = sorted(matrix.cells, key=lambda cell: place.get(cell.system, len(place)))
    found = []
    for system in dict.fromkeys(cell.system for cell in ordered):
        own = [cell for cell in ordered if cell.system == system]
        kinds = dict.fromkeys((cell.model, cell.method) for cell in own if cell.model != WITHIN)
        order = sorted(kinds or [(WITHIN, AS_TRAINED)], key=lambda kind: _order(matrix, *kind))
        for model, method in order:
            grid = _grid(matrix, own, system, method, model)
            found += [replace(grid, score=score) for score in matrix.scores]
    return found


def without_score(matrix: Matrix) -> list[str]:
    """Why some methods have no grid with scores: their notes, each once."""
    notes = [cell.note for grid in grids(matrix) if grid.is_empty for cell in grid.found if not cell.is_scored]
    return list(dict.fromkeys(note or "no score, and the matrix gives no reason" for note in notes))


def train_name(train: Sequence[str]) -> str:
    """Write the corpora that are trained on.

    Example
    -------
    >>> train_name(("EmoDB", "RAVDESS"))
    'EmoDB + RAVDESS'
    """
    return " + ".join(train)


def score_text(cell: Cell | None, name: str = UAR, is_marked: bool = True) -> str:
    """Write a score of a cell with its interval: UAR in per cent, or the CCC of a dimension.

    Arguments
    ---------
    cell : Cell or None
        A dash is written without a score, and a mark on the diagonal.
    name : str
        "uar", or the name of a dimension.
    is_marked : bool
        Whether the diagonal is marked.
    """
    score = None if cell is None else cell.score(name)
    if cell is None or score is None:
        return DASH
    text = score.text(percent if name == UAR else decimal)
    return f"{text} {WITHIN_MARK}" if is_marked and cell.model == WITHIN else text


def chance(matrix: Matrix) -> float:
    """The score of guessing: of UAR a fraction, of CCC 0."""
    return 0.0 if matrix.dimensions else 1 / len(matrix.classes)


def cell_notes(cells: Sequence[Cell]) -> list[str]:
    """Notes of cells, each once, with where it holds."""
    by_note: dict[str, list[str]] = {}
    for cell in cells:
        note = cell.note or ("" if cell.is_scored else "no score, and the matrix gives no reason")
        if note:
            by_note.setdefault(note, []).append(f"{train_name(cell.train)} → {cell.target}")
    return [f"{', '.join(dict.fromkeys(places))}: {note}" for note, places in by_note.items()]


def _order(matrix: Matrix, model: str, method: str) -> tuple[int, int]:
    methods = list(matrix.methods)
    return MODELS.index(model), methods.index(method) if method in methods else len(methods)


def _grid(matrix: Matrix, own: Sequence[Cell], system: str, method: str, model: str) -> Grid:
    names = matrix.names
    wanted = [cell for cell in own if cell.model == WITHIN or (cell.model, cell.method) == (model, method)]
    by_place = {(cell.train, cell.target): cell for cell in wanted}
    trains = sorted(
        dict.fromkeys(cell.train for cell in wanted),
        key=lambda train: (len(train), [names.index(name) if name in names else len(names) for name in train]),
    )
    lines = tuple(tuple(by_place.get((train, target)) for target in names) for train in trains)
    return Grid(system, method, model, tuple(trains), tuple(names), lines)
