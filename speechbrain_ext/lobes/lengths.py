"""Numbers of real places, of which an utterance may have none."""

from __future__ import annotations

import torch
from torch import Tensor


def check_lengths(name: str, x: Tensor, lengths: Tensor) -> Tensor:
    """The lengths [batch] on the device of x [batch, time, feature], refused when they do not fit it.

    Example
    -------
    >>> check_lengths("w2v2", torch.zeros(2, 5, 1), torch.tensor([5, 0]))
    tensor([5, 0])
    """
    refuse_relative(name, x, lengths)
    if lengths.shape != x.shape[:1] or int(lengths.min()) < 0 or int(lengths.max()) > x.shape[1]:
        found = lengths.tolist()
        raise ValueError(f"{name}: expected {x.shape[0]} lengths from 0 to {x.shape[1]}, found {found}")
    return lengths.to(x.device)


def refuse_relative(name: str, x: Tensor, lengths: Tensor) -> None:
    """Refuse SpeechBrain's relative lengths, shares of the longest item, where numbers of frames are expected.

    Arguments
    ---------
    name : str
        What the lengths are of.
    x : Tensor
        [batch, time, ...].
    lengths : Tensor
        [batch].

    Raises
    ------
    ValueError
        The lengths are no whole numbers.

    Example
    -------
    >>> refuse_relative("w2v2", torch.zeros(2, 5, 1), torch.tensor([5, 2]))
    """
    if lengths.is_floating_point():
        raise ValueError(
            f"{name}: expected numbers of frames as whole numbers, found {lengths.tolist()}: SpeechBrain's relative "
            f"lengths become numbers of frames by (lengths * {x.shape[1]}).round().long()"
        )


def prefix_mask(lengths: Tensor, size: int) -> Tensor:
    """[batch, size], True in the first `lengths` [batch] places of each row.

    Example
    -------
    >>> prefix_mask(torch.tensor([2, 0]), 3)
    tensor([[ True,  True, False],
            [False, False, False]])
    """
    return torch.arange(size, device=lengths.device) < lengths.unsqueeze(1)
