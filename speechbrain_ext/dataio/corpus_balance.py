"""Corpora that are trained on together: groups of utterances that weigh the same, whatever their sizes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

NONE, CORPUS, CORPUS_CLASS = "none", "corpus", "corpus_class"
BALANCES = (NONE, CORPUS, CORPUS_CLASS)


def training_groups(
    corpora: Sequence[str], targets: Sequence[int] | np.ndarray, balance: str, by_class: bool = False
) -> list[int]:
    """Number the groups of training items that weigh the same.

    Arguments
    ---------
    corpora : sequence of str
        Corpus of each item.
    targets : sequence of int
        Class index of each item.
    balance : str
        "none"; "corpus": each corpus weighs the same; "corpus_class": each class of each corpus does. Of no effect
        where all items are of one corpus.
    by_class : bool
        Each class weighs the same too.

    Returns
    -------
    list of int
        Group of each item, from 0 on in the order of corpora and classes; all 0 where nothing is balanced.

    Example
    -------
    >>> training_groups(["EmoDB", "EmoDB", "RAVDESS"], [0, 1, 0], "corpus")
    [0, 0, 1]
    >>> training_groups(["EmoDB", "EmoDB", "RAVDESS"], [0, 1, 0], "corpus_class")
    [0, 1, 2]
    """
    by_corpus = balance != NONE and len(set(corpora)) > 1
    by_class = by_class or (by_corpus and balance == CORPUS_CLASS)
    keys = [
        (corpus if by_corpus else "", int(target) if by_class else 0)
        for corpus, target in zip(corpora, targets, strict=True)
    ]
    numbers = {key: number for number, key in enumerate(sorted(set(keys)))}
    return [numbers[key] for key in keys]


def group_weights(groups: Sequence[int] | np.ndarray) -> np.ndarray:
    """Weights of items whose sum is the same for each group, and whose mean is 1.

    Arguments
    ---------
    groups : sequence of int
        Group of each item.

    Returns
    -------
    np.ndarray
        [item].

    Example
    -------
    >>> group_weights([0, 0, 0, 1]).round(3).tolist()
    [0.667, 0.667, 0.667, 2.0]
    """
    _, places, counts = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    return len(places) / (len(counts) * counts[places])
