"""Functionals of openSMILE: one row of statistics for an entire utterance."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from speechbrain_ext.features import smile
from speechbrain_ext.features.extractor import Extractor
from speechbrain_ext.utils.errors import UserError

SIZES = {"ComParE_2016": 6373, "eGeMAPSv02": 88}
LEAST_S = 0.06


class Functionals(Extractor):
    """Statistics over the low-level descriptors of an utterance, one row however long it is.

    Arguments
    ---------
    feature_set : str
        "ComParE_2016", 6373 values, or "eGeMAPSv02", 88 values.

    Raises
    ------
    UserError
        The set is none of these.

    Source
    ------
    Schuller et al., Interspeech 2016 (ComParE challenge); Eyben et al., IEEE Transactions on
    Affective Computing 2016 (GeMAPS, the extended set), as openSMILE has them.

    Example
    -------
    >>> feature = Functionals("eGeMAPSv02")
    >>> feature.dim, feature.columns[0]
    (88, 'F0semitoneFrom27.5Hz_sma3nz_amean')
    """

    name = "functionals"
    version = 1
    hop_s = 0.0  # no hop: the row describes the entire utterance

    def __init__(self, feature_set: str = "ComParE_2016") -> None:
        if feature_set not in SIZES:
            raise UserError(f"functionals feature_set: expected one of {', '.join(SIZES)}, found {feature_set!r}")
        super().__init__(feature_set=feature_set)
        self.feature_set = feature_set
        self.dim = SIZES[feature_set]

    @property
    def library(self) -> str:
        """Name and version of the library that computes the feature."""
        return smile.library(self.name)

    @property
    def columns(self) -> list[str]:
        """Names of the dimensions, as openSMILE has them."""
        return list(_engine(self.feature_set).feature_names)

    def compute(self, signal: np.ndarray) -> np.ndarray:
        """Compute the row of a finite, non-empty float32 signal, as [1, dim]."""
        table = smile.process(_engine(self.feature_set), signal, self.sample_rate_hz)
        values = table.to_numpy(dtype=np.float32)  # [1, dim]
        if np.isnan(values).any():
            raise smile.too_short(self.name, LEAST_S, signal, self.sample_rate_hz)
        return values

    def silence(self) -> np.ndarray:
        """Give the row of one second of digital silence, float32 [dim]."""
        return self(np.zeros(self.sample_rate_hz, dtype=np.float32))[0].copy()  # [dim]


@functools.lru_cache(maxsize=len(SIZES))
def _engine(feature_set: str) -> Any:
    return smile.build_engine(Functionals.name, feature_set, "Functionals")
