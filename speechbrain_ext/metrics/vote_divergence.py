"""How far posteriors are from the votes of annotators, and how far one annotator is from the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import rel_entr

# What a posterior is at least in the Kullback-Leibler divergence, where 0 would be infinitely wrong.
FLOOR = 1e-3


@dataclass(frozen=True)
class Divergence:
    """Means over utterances, or over pairs of an annotator and the others.

    Attributes
    ----------
    n : int
    kl : float
        Kullback-Leibler divergence of the votes from the posteriors in nats, from 0; posteriors are at least `FLOOR`.
    js : float
        Jensen-Shannon divergence in bits, from 0 to 1; needs no floor.
    """

    n: int
    kl: float
    js: float


def vote_divergence(votes: Sequence[Sequence[float]] | np.ndarray, posteriors: np.ndarray) -> Divergence:
    """Compare posteriors with the annotators' shares of votes.

    Arguments
    ---------
    votes : sequence of sequence of float
        Votes or shares [utterance, class]; each row is divided by its sum.
    posteriors : numpy.ndarray
        [utterance, class].

    Raises
    ------
    ValueError
        The shapes differ, there is no utterance, or an utterance has no vote.

    Source
    ------
    Lin, "Divergence Measures Based on the Shannon Entropy", IEEE Transactions on Information Theory 37, 1991.

    Example
    -------
    >>> found = vote_divergence([[3, 0]], np.array([[0.0, 1.0]]))
    >>> round(found.kl, 2), round(found.js, 2)
    (6.91, 1.0)
    """
    shares = np.asarray(votes, dtype=float)  # [utterance, class]
    found = np.asarray(posteriors, dtype=float)  # [utterance, class]
    if shares.ndim != 2 or shares.shape != found.shape or not len(shares):
        raise ValueError(f"votes and posteriors: expected one [utterance, class], found {shares.shape}, {found.shape}")
    if not (shares.sum(axis=1) > 0).all():
        raise ValueError("votes: expected a vote for a class in each utterance, found none")
    shares = shares / shares.sum(axis=1, keepdims=True)  # [utterance, class]
    kl = rel_entr(shares, np.maximum(found, FLOOR)).sum(axis=1)  # [utterance]
    middle = (shares + found) / 2  # [utterance, class]
    js = (rel_entr(shares, middle) + rel_entr(found, middle)).sum(axis=1) / (2 * np.log(2))  # [utterance]
    return Divergence(len(shares), float(kl.mean()), float(js.mean()))


def annotator_divergence(votes: Sequence[Sequence[Sequence[float]]]) -> Divergence | None:
    """Compare each annotator with the votes of the others: what a person would score in place of the posteriors.

    A person names one class, so that the Kullback-Leibler divergence is mostly the floor where annotators disagree;
    the Jensen-Shannon divergence compares a person and a model better.

    Arguments
    ---------
    votes : sequence
        Of each utterance the votes of each annotator [utterance][annotator][class]; annotators who name no class,
        and utterances with fewer than two who do, are left out.

    Returns
    -------
    divergence : Divergence or None
        None where there is no pair.
    """
    others, own = [], []
    for utterance in votes:
        cast = np.array([one for one in utterance if sum(one) > 0], dtype=float)  # [annotator, class]
        if len(cast) < 2:
            continue
        cast = cast / cast.sum(axis=1, keepdims=True)  # [annotator, class]
        others += list(cast.sum(axis=0) - cast)
        own += list(cast)
    return vote_divergence(others, np.array(own)) if own else None
