"""How many one-thread trainings side by side do the most work: measured, since cores share caches."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

import torch
from torch import nn

from speechbrain_ext.utils.workers import worker_pool

MEASURED_S = 1.0
# What one training more must bring: below it, the difference is one of the measurement.
GAIN = 1.05
MOST_WAITS = 50


def choose_jobs(most: int) -> tuple[int, dict[int, float]]:
    """Choose how many trainings run side by side, after a few seconds of measurement.

    Arguments
    ---------
    most : int
        The largest number that is of use: of cores, or of trainings.

    Returns
    -------
    jobs : int
        As `best_of` chooses among 1, 2, 4, … and `most`.
    rates : dict
        Optimiser steps a second of all processes together, by their number.

    Raises
    ------
    UserError
        A worker was killed.
    """
    numbers = sorted({most, *(2**power for power in range(most.bit_length()) if 2**power <= most)})
    with worker_pool(most, "the measurement of trainings side by side") as submit:
        _wait_for_all(submit, most)
        rates = {number: _rate(submit, number) for number in numbers}
    return best_of(rates), rates


def best_of(rates: Mapping[int, float]) -> int:
    """Choose the smallest number of processes whose rate no larger number beats by 5 %.

    Example
    -------
    >>> best_of({1: 10.0, 2: 19.0, 4: 15.0}), best_of({1: 10.0, 2: 9.0, 4: 10.2})
    (2, 1)
    """
    best = min(rates)
    for number in sorted(rates):
        if rates[number] > GAIN * rates[best]:
            best = number
    return best


def rates_text(jobs: int, rates: Mapping[int, float]) -> str:
    """Say what was chosen and why.

    Example
    -------
    >>> rates_text(1, {1: 10.0, 2: 9.0})
    'folds are trained one at a time (measured just now: 2 at a time do 0.90 times the work of one)'
    """
    measured = ", ".join(f"{number} at a time do {rate / rates[1]:.2f}" for number, rate in rates.items() if number > 1)
    how_many = "one" if jobs == 1 else str(jobs)
    return f"folds are trained {how_many} at a time (measured just now: {measured} times the work of one)"


def _wait_for_all(submit: Callable[..., Future[Any]], processes: int) -> None:
    """Wait until every worker has imported torch, so that all are measured at the same time."""
    ready: set[int] = set()
    for _ in range(MOST_WAITS):
        ready |= {each.result() for each in [submit(_own_number) for _ in range(processes)]}
        if len(ready) == processes:
            return


def _own_number() -> int:
    _steps(time.time(), 0.2)
    return os.getpid()


def _rate(submit: Callable[..., Future[Any]], processes: int) -> float:
    """Optimiser steps a second of some processes together."""
    start = time.time() + 0.1
    return sum(each.result() for each in [submit(_steps, start, MEASURED_S) for _ in range(processes)]) / MEASURED_S


def _steps(start: float, seconds: float) -> int:
    """Train from `start` (time.time()) for some seconds; count the steps."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        network = nn.LSTM(64, 96, bidirectional=True, batch_first=True)
        optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
        frames = torch.ones(16, 50, 64)  # [batch, time, feature]
        time.sleep(max(0.0, start - time.time()))
        count = 0
        while time.time() < start + seconds:
            network(frames)[0].mean().backward()
            optimizer.step()
            optimizer.zero_grad()
            count += 1
        return count
    finally:
        torch.set_num_threads(before)
