"""CORAL: features of one corpus are given the covariance of another corpus's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# The largest relative error of the aligned covariance, measured on random directions.
TOLERANCE = 1e-6
PROBES = 8


@dataclass(frozen=True)
class _Covariance:
    """Covariance plus a multiple of the identity, kept as its eigenvectors with an eigenvalue above 0.

    Features are thousands and utterances hundreds: the matrix itself is never made.
    """

    vectors: np.ndarray  # [direction, feature]
    values: np.ndarray  # [direction]
    regularisation: float

    def power(self, rows: np.ndarray, exponent: float) -> np.ndarray:
        """Multiply rows [utterance, feature] with a power of the matrix."""
        base = self.regularisation**exponent
        inside = (self.values + self.regularisation) ** exponent - base  # [direction]
        return base * rows + ((rows @ self.vectors.T) * inside) @ self.vectors


def _covariance(rows: np.ndarray, regularisation: float) -> _Covariance:
    centred = rows - rows.mean(axis=0)  # [utterance, feature]
    _, singular, vectors = np.linalg.svd(centred / np.sqrt(len(rows) - 1), full_matrices=False)
    return _Covariance(vectors, singular**2, regularisation)


def align(source: np.ndarray, target: np.ndarray, regularisation: float = 1.0) -> np.ndarray:
    """Whiten the rows of a source and colour them with the covariance of a target: X A.

    A = (C_s + l I)^(-1/2) (C_t + l I)^(1/2), so that A' (C_s + l I) A = C_t + l I.

    Arguments
    ---------
    source, target : np.ndarray
        [utterance, feature], each standardised with its own mean and deviation.
    regularisation : float
        l; the paper adds the identity.

    Returns
    -------
    np.ndarray
        The source's rows, aligned: [utterance, feature].

    Raises
    ------
    ValueError
        Fewer than two utterances, other features, or l is not above 0.
    FloatingPointError
        The aligned covariance is not the target's: features with values that are too large.

    Source
    ------
    Sun, Feng and Saenko, AAAI 2016, "Return of Frustratingly Easy Domain Adaptation", algorithm 1.

    Example
    -------
    >>> rows = np.random.default_rng(0).normal(size=(200, 2))
    >>> aligned = align(rows, rows * [3.0, 1.0], 1e-6)
    >>> bool(np.allclose(np.cov(aligned.T), np.cov((rows * [3.0, 1.0]).T), atol=1e-4))
    True
    """
    source, target = np.asarray(source, dtype=np.float64), np.asarray(target, dtype=np.float64)
    if source.shape[1] != target.shape[1]:
        raise ValueError(f"align: expected as many features, found {source.shape[1]} and {target.shape[1]}")
    if min(len(source), len(target)) < 2:
        raise ValueError(f"align: expected two or more utterances, found {len(source)} and {len(target)}")
    if not regularisation > 0:
        raise ValueError(f"align: regularisation: expected a number above 0, found {regularisation}")
    of_source, of_target = _covariance(source, regularisation), _covariance(target, regularisation)
    if (error := _error(of_source, of_target)) > TOLERANCE:
        raise FloatingPointError(f"the aligned covariance differs by {error:.1e} of its norm, expected {TOLERANCE:.0e}")
    return of_target.power(of_source.power(source, -0.5), 0.5)


def _error(of_source: _Covariance, of_target: _Covariance) -> float:
    """By how much A' (C_s + l I) A differs from C_t + l I, relative to it, on random directions."""
    size = of_source.vectors.shape[1]
    probes = np.random.default_rng(0).normal(size=(PROBES, size))  # [probe, feature]
    inner = of_source.power(of_target.power(probes, 0.5), -0.5)  # A v, as both factors are symmetric
    found = of_target.power(of_source.power(of_source.power(inner, 1.0), -0.5), 0.5)
    expected = of_target.power(probes, 1.0)
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))
