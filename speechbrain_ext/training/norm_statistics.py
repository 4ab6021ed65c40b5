"""Adaptive batch normalisation: the layers of a trained network are given the statistics of other data.

Source
------
Li et al. 2016, "Revisiting batch normalization for practical domain adaptation" (AdaBN): the mean and variance of a
layer are replaced by those of all target data, its trained scale and shift stay. Reading: layer by layer, so that what
a layer is given has been through the new statistics of all layers before it; the variance is that of a population.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from speechbrain_ext.dataio.statistics import RunningStatistics
from speechbrain_ext.lobes.mask_block import MaskedNorm
from speechbrain_ext.lobes.masking import MaskedBatchNorm1d


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


def adapt_norms(network: nn.Module, run: Callable[[], None]) -> None:
    """Replace the statistics of all batch normalisations by those of other data, layer by layer.

    Arguments
    ---------
    network : nn.Module
        It is left in evaluation mode.
    run : callable
        Runs the network on all of the data, in batches of items of one length: padding would count in a layer that
        has no mask of it. It is called once to learn the order of the layers, and once for each layer.
    """
    network.eval()
    with torch.no_grad():
        for norm in _order(network, run):
            _adapt(norm, run)


def _order(network: nn.Module, run: Callable[[], None]) -> list[nn.Module]:
    """The layers in the order in which they are first run; one that is never run is left out."""
    order: list[nn.Module] = []

    def note(norm: nn.Module, *_: Any) -> None:
        if norm not in order:
            order.append(norm)

    hooks = [norm.register_forward_pre_hook(note) for norm in batch_norms(network)]
    _run(run, hooks)
    return order


def _adapt(norm: nn.Module, run: Callable[[], None]) -> None:
    """Give one layer the mean and variance of all that it is given."""
    running = RunningStatistics()

    def add(norm: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        running.add(_rows(norm, *given, **named).double().cpu().numpy())

    _run(run, [norm.register_forward_pre_hook(add, with_kwargs=True)])
    holder: Any = norm.norm if isinstance(norm, MaskedNorm) else norm
    variance = np.asarray(running.squares) / running.count  # [channel]
    holder.running_mean.copy_(torch.from_numpy(np.asarray(running.mean)))
    holder.running_var.copy_(torch.from_numpy(variance))


def _run(run: Callable[[], None], hooks: list[Any]) -> None:
    try:
        run()
    finally:
        for hook in hooks:
            hook.remove()


def _rows(norm: nn.Module, x: Tensor, mask: Tensor | None = None) -> Tensor:
    """What a layer's statistics are made of in training, [value, channel]."""
    if isinstance(norm, MaskedNorm | MaskedBatchNorm1d):
        rows = x.flatten(0, 1)  # [batch * time, channel]
        counts_all = isinstance(norm, MaskedNorm) and norm.bn_statistics == "all"
        return rows if mask is None or counts_all else rows[mask.flatten()]
    return x.movedim(1, -1).flatten(0, -2)  # [batch * places, channel]
