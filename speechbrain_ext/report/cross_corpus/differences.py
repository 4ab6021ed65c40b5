"""Which differences between methods hold: every method against the model as it was trained, over speakers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from speechbrain_ext.evaluation.matrix import ALL_DATA, Cell, Matrix
from speechbrain_ext.evaluation.matrix_predictions import read_cell
from speechbrain_ext.evaluation.statistics import System, compare, family_p
from speechbrain_ext.evaluation.targets import Classes, Dimensions, dimension_of
from speechbrain_ext.metrics.paired_tests import LEVEL, PairedTest
from speechbrain_ext.report.units import difference_text
from speechbrain_ext.training.methods import AS_TRAINED


@dataclass(frozen=True)
class Difference:
    """A method against the same model as it was trained, on one target.

    Attributes
    ----------
    cell, reference : Cell
    metric : str
        "uar", or the CCC of a dimension, such as "ccc.valence".
    test : PairedTest
    p_holm : float or None
        p after Holm's correction over the methods, and dimensions, of this source and target.
    """

    cell: Cell
    reference: Cell
    metric: str
    test: PairedTest
    p_holm: float | None

    @property
    def dimension(self) -> str:
        """The dimension whose CCC is compared; empty for UAR."""
        return dimension_of(self.metric)

    @property
    def holds(self) -> bool:
        """Whether the difference holds at 5 % after Holm's correction."""
        return self.p_holm is not None and self.p_holm <= LEVEL

    @property
    def text(self) -> str:
        """The difference, in points of UAR or in CCC, with its interval and its p."""
        return difference_text(self.metric, self.test, self.p_holm, self.holds)


def differences(matrix: Matrix, folder: str | Path) -> list[Difference]:
    """Compare every method with the model as it was trained.

    A family of tests is what one system, trained on one source, scores on one target: each of its methods against
    the named reference "as-trained".

    Arguments
    ---------
    matrix : Matrix
    folder : str or Path
        The folder of matrix.json, which the paths of predictions are relative to.

    Raises
    ------
    UserError
        Predictions are missing or not those that the scores were computed from.
    """
    scored = [cell for cell in matrix.cells if cell.model == ALL_DATA and cell.is_scored]
    families: dict[tuple[object, ...], list[Cell]] = {}
    for cell in scored:
        families.setdefault((cell.system, cell.row, cell.train, cell.target), []).append(cell)
    found: list[Difference] = []
    for family in families.values():
        found += _family(family, matrix, Path(folder))
    return found


def _family(family: Sequence[Cell], matrix: Matrix, folder: Path) -> list[Difference]:
    reference = next((cell for cell in family if cell.method == AS_TRAINED), None)
    others = [cell for cell in family if cell.method != AS_TRAINED]
    if reference is None or not others:
        return []
    target = Dimensions(matrix.dimensions) if matrix.dimensions else Classes(matrix.classes)
    first = System(AS_TRAINED, target, (read_cell(reference, folder),))
    compared = [compare(first, System(cell.method, target, (read_cell(cell, folder),))) for cell in others]
    rows = zip(others, compared, family_p(compared), strict=True)
    return [
        Difference(cell, reference, metric, one.tests[metric], p)
        for cell, one, adjusted in rows
        for metric, p in adjusted.items()
    ]
