"""The vectors of a run: embeddings.npz, one row of each kind per tested utterance."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import replacing

NAME = "embeddings.npz"
# What every system has; the names of others are those of its network.
EMBEDDING = "embedding"
KEYS = ("id", "fold", "label")
MAKE_VECTORS = "./run.sh --stage 3 --stop-stage 3 --force"


@dataclass(frozen=True)
class Vectors:
    """What a system makes of its tested utterances.

    Attributes
    ----------
    ids, folds, labels : array of str [utterance]
        The utterances, the folds that tested them and their true classes.
    kinds : mapping
        By name, float32 [utterance, feature].
    """

    ids: np.ndarray
    folds: np.ndarray
    labels: np.ndarray
    kinds: Mapping[str, np.ndarray]

    def of_fold(self, fold: str) -> Vectors:
        """Those of one fold alone: each fold has a network, and with it a space, of its own."""
        chosen = self.folds == fold  # [utterance]
        kinds = {name: rows[chosen] for name, rows in self.kinds.items()}
        return Vectors(self.ids[chosen], self.folds[chosen], self.labels[chosen], kinds)


def make_vectors(rows: Sequence[tuple[str, str, str, Mapping[str, Sequence[float]]]]) -> Vectors:
    """Put the vectors of utterances together.

    Arguments
    ---------
    rows : sequence of (id, fold, label, vectors by name)
        In any order; kinds without a number are left out.

    Example
    -------
    >>> made = make_vectors([("b", "1", "fear", {"embedding": [1.0]}), ("a", "1", "anger", {"embedding": [2.0]})])
    >>> made.ids.tolist(), made.kinds["embedding"].tolist()
    (['a', 'b'], [[2.0], [1.0]])
    """
    rows = sorted(rows, key=lambda row: (row[1], row[0]))
    ids, folds, labels = (np.array([row[place] for row in rows], dtype=np.str_) for place in range(3))
    names = [name for name, vector in rows[0][3].items() if len(vector)] if rows else []
    kinds = {name: np.array([row[3][name] for row in rows], dtype=np.float32) for name in names}
    return Vectors(ids, folds, labels, kinds)


def write_vectors(path: str | Path, vectors: Vectors) -> None:
    """Write embeddings.npz; the same vectors give the same bytes."""
    arrays: dict[str, Any] = {"id": vectors.ids, "fold": vectors.folds, "label": vectors.labels, **vectors.kinds}
    with replacing(path, "wb") as stream:
        np.savez(stream, **arrays)


def read_vectors(path: str | Path) -> Vectors:
    """Read embeddings.npz.

    Raises
    ------
    UserError
        The file is missing or is not what stage 3 writes.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = dict(stored)
        ids, folds, labels = (arrays.pop(key) for key in KEYS)
        if not all(rows.ndim == 2 and len(rows) == len(ids) == len(folds) == len(labels) for rows in arrays.values()):
            raise ValueError("rows of other numbers")
    except FileNotFoundError:
        raise UserError(f"missing {path}: make it with: {MAKE_VECTORS}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as fault:
        raise UserError(
            f"{path}: expected the vectors of a run, found a file that does not hold them ({type(fault).__name__}): "
            f"make it again with: {MAKE_VECTORS}"
        ) from None
    return Vectors(ids, folds, labels, arrays)
