"""Adaptive batch normalisation: the layers of a trained network are given the statistics of other data.

Source
------
Li et al. 2016, "Revisiting batch normalization for practical domain adaptation" (AdaBN): the mean and variance of a
layer are replaced by those of all target data, its trained scale and shift stay. Reading: layer by layer, so that what
a layer is given has been through the new statistics of all layers before it; the variance is that of a population.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import numpy as np
import torch
from speechbrain.dataio.dataset import DynamicItemDataset
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from speechbrain_ext.dataio.statistics import RunningStatistics
from speechbrain_ext.lobes.mask_block import MaskedNorm
from speechbrain_ext.lobes.masking import MaskedBatchNorm1d

T = TypeVar("T")


def batch_norms(network: nn.Module) -> list[nn.Module]:
    """Layers of a network that normalise with running statistics, those inside of another one left out.

    Example
    -------
    >>> batch_norms(nn.Sequential(nn.Linear(1, 2), nn.BatchNorm1d(2)))
    [BatchNorm1d(2, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)]
    """
    return list(_find(network))


def _find(module: nn.Module) -> Iterator[nn.Module]:
    if isinstance(module, MaskedNorm | MaskedBatchNorm1d):
        yield module
    elif isinstance(module, _BatchNorm):
        # Without running statistics a layer already normalises each batch with its own.
        if module.running_mean is not None:
            yield module
    else:
        for child in module.children():
            yield from _find(child)


def batches_of_one_length(items: DynamicItemDataset, size: int) -> list[list[int]]:
    """Places of items in batches of at most `size` whose features have one length: nothing is padded in them."""
    places: dict[tuple[int, ...], list[int]] = {}
    for place, item in enumerate(items):
        places.setdefault(tuple(len(each) for each in item["features"].values()), []).append(place)
    return [own[start : start + size] for own in places.values() for start in range(0, len(own), size)]


def adapt_norms(network: nn.Module, forward: Callable[[T], object], batches: Sequence[T]) -> None:
    """Replace the statistics of all batch normalisations by those of other data, layer by layer.

    Arguments
    ---------
    network : nn.Module
        It is left in evaluation mode.
    forward : callable
        Runs the network on a batch; each layer is run equally often on every batch.
    batches : sequence
        All of the data, each batch of items of one length: padding would count in a layer that has no mask of it. They
        are read once for each layer.
    """
    network.eval()
    with torch.no_grad():
        for norm, calls in _calls(network, forward, batches[0]).items():
            _adapt(norm, calls, forward, batches)


class _Enough(Exception):
    """A layer has been given all that it is given of a batch: what follows it is of no interest."""


def _calls(network: nn.Module, forward: Callable[[T], object], batch: T) -> dict[nn.Module, int]:
    """How often each layer is run on a batch, in the order of the first time; one that is never run is left out."""
    found: dict[nn.Module, int] = {}

    def count(norm: nn.Module, _: Any) -> None:
        found[norm] = found.get(norm, 0) + 1

    with _hooked(batch_norms(network), count):
        forward(batch)
    return found


def _adapt(norm: nn.Module, calls: int, forward: Callable[[T], object], batches: Sequence[T]) -> None:
    """Give one layer the mean and variance of all that it is given."""
    running, done = RunningStatistics(), 0

    def add(norm: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        nonlocal done
        running.add(_rows(norm, *given, **named).double().cpu().numpy())
        done += 1
        if done % calls == 0:
            raise _Enough

    with _hooked([norm], add, with_kwargs=True):
        for batch in batches:
            with suppress(_Enough):
                forward(batch)
    holder: Any = norm.norm if isinstance(norm, MaskedNorm) else norm
    holder.running_mean.copy_(torch.from_numpy(np.asarray(running.mean)))
    holder.running_var.copy_(torch.from_numpy(np.asarray(running.squares) / running.count))


@contextmanager
def _hooked(norms: Sequence[nn.Module], hook: Callable[..., None], **options: bool) -> Iterator[None]:
    """Call a function before each run of some layers."""
    hooks = [norm.register_forward_pre_hook(hook, **options) for norm in norms]
    try:
        yield
    finally:
        for each in hooks:
            each.remove()


def _rows(norm: nn.Module, x: Tensor, mask: Tensor | None = None) -> Tensor:
    """What a layer's statistics are made of in training, [value, channel]."""
    if isinstance(norm, MaskedNorm | MaskedBatchNorm1d):
        rows = x.flatten(0, 1)  # [batch * time, channel]
        counts_all = isinstance(norm, MaskedNorm) and norm.bn_statistics == "all"
        return rows if mask is None or counts_all else rows[mask.flatten()]
    return x.movedim(1, -1).flatten(0, -2)  # [batch * places, channel]
