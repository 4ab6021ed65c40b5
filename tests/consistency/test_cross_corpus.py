"""Kept matrices across corpora: the page is generated from them, and their scores from their predictions."""

from __future__ import annotations

from pathlib import Path

import pytest
from sklearn.metrics import accuracy_score, recall_score

from speechbrain_ext.evaluation.matrix import FILE, read_matrix
from speechbrain_ext.evaluation.matrix_predictions import read_cell
from speechbrain_ext.report.cross_corpus.kept import KEPT, PAGE, page_text

SHARED = Path(__file__).resolve().parents[2] / "recipes/shared"
FOLDERS = sorted(path.parent for path in (SHARED / KEPT).glob(f"*/{FILE}"))


def test_the_page_is_what_its_kept_matrices_say():
    found = [(folder, read_matrix(folder / FILE)) for folder in FOLDERS]
    assert (SHARED / PAGE).read_text(encoding="utf-8") == page_text(found, SHARED)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_scores_are_those_of_the_kept_predictions(folder):
    matrix, checked = read_matrix(folder / FILE), 0
    for cell in matrix.cells:
        if cell.predictions is None:
            continue
        rows = read_cell(cell, folder)
        truth, found = [row.label for row in rows], [row.prediction for row in rows]
        assert cell.uar == pytest.approx(recall_score(truth, found, average="macro"), abs=1e-12)
        assert cell.wa == pytest.approx(accuracy_score(truth, found), abs=1e-12)
        assert (cell.n, cell.speakers) == (len(rows), len({row.speaker for row in rows}))
        checked += 1
    assert checked > len(matrix.corpora) ** 2
