"""The section of the page on other corpora: every cross_corpus.json below a corpus's experiments."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from speechbrain_ext.evaluation.cross_corpus_json import FILE, read_cross_corpus
from speechbrain_ext.evaluation.matrix import Cell
from speechbrain_ext.report.cross_corpus.grids import TRANSDUCTIVE, score_text, train_name
from speechbrain_ext.utils.errors import UserError


@dataclass(frozen=True)
class AcrossRow:
    """A score on another corpus, as the page shows it.

    Attributes
    ----------
    name : str
        System, row, and the name of the seed's folder.
    cell : Cell
    """

    name: str
    cell: Cell

    @property
    def trained_on(self) -> str:
        """The corpora trained on."""
        return train_name(self.cell.train)

    @property
    def method(self) -> str:
        """The method, and whether it uses unlabelled target data."""
        return f"{self.cell.method} ({TRANSDUCTIVE})" if self.cell.transductive else self.cell.method

    @property
    def score(self) -> str:
        """UAR with its interval, or the CCC of each dimension."""
        if self.cell.ccc is None:
            return score_text(self.cell, is_marked=False)
        return "; ".join(f"CCC of {name} {score_text(self.cell, name, is_marked=False)}" for name in self.cell.ccc)


def across_corpora(folder: Path) -> list[AcrossRow]:
    """Read the scores on other corpora of all runs below a folder; damaged files are named and left out.

    Arguments
    ---------
    folder : Path
        The folder exp/<CORPUS>-<source>.
    """
    rows = []
    for path in sorted(folder.glob(f"*/*/*/seed-*/{FILE}")):
        try:
            cells = read_cross_corpus(path)
        except UserError as fault:
            print(f"warning: {fault}; it is left out of the page", flush=True)
            continue
        rows += [AcrossRow(f"{cell.system}, {cell.row}, {path.parent.name}", cell) for cell in cells]
    return rows
