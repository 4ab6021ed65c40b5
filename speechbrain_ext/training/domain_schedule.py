"""What changes over the course of a domain-adversarial training: how much is reversed, and the learning rate.

Source
------
Ganin et al. 2016, "Domain-adversarial training of neural networks", JMLR 17: gamma = 10, alpha = 10, beta = 0.75.
"""

from __future__ import annotations

import math

GAMMA, ALPHA, BETA = 10.0, 10.0, 0.75


def reversal_strength(progress: float) -> float:
    """Lambda: 2 / (1 + exp(-10 p)) - 1, from 0 at the start to almost 1.

    Arguments
    ---------
    progress : float
        Share of all optimiser steps that are done, 0 to 1.

    Example
    -------
    >>> [round(reversal_strength(progress), 4) for progress in (0.0, 0.1, 1.0)]
    [0.0, 0.4621, 0.9999]
    """
    return 2 / (1 + math.exp(-GAMMA * progress)) - 1


def rate_factor(progress: float) -> float:
    """Mu as a share of its first value: 1 / (1 + 10 p)^0.75.

    Arguments
    ---------
    progress : float
        Share of all optimiser steps that are done, 0 to 1.

    Example
    -------
    >>> [round(rate_factor(progress), 4) for progress in (0.0, 0.1, 1.0)]
    [1.0, 0.5946, 0.1656]
    """
    return (1 + ALPHA * progress) ** -BETA


def progress_of(epoch: int, step: int, epochs: int, steps: int) -> float:
    """Share of all optimiser steps that are done before a step.

    Arguments
    ---------
    epoch, step : int
        Counted from 1; the step is that of its epoch.
    epochs, steps : int
        Epochs of the training, and steps of an epoch.

    Example
    -------
    >>> progress_of(1, 1, 4, 5), progress_of(3, 1, 4, 5), progress_of(4, 5, 4, 5)
    (0.0, 0.5, 0.95)
    """
    return ((epoch - 1) * steps + step - 1) / (epochs * steps)
