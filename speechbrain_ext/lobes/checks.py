"""Checks of what lobes are built and called with: choices, features and lengths."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from torch import Tensor

Choice = TypeVar("Choice", str, str | None)
PADS = ("mask", "silence")


def check_choice(key: str, value: Choice, allowed: Iterable[str | None]) -> Choice:
    """The value, refused when the key does not allow it.

    Example
    -------
    >>> check_choice("pad", "mask", PADS)
    'mask'
    """
    if value not in allowed:
        names = ", ".join("null" if choice is None else choice for choice in allowed)
        raise ValueError(f"{key}: expected one of {names}, found {value!r}")
    return value


def take_feature(features: Mapping[str, Tensor], name: str, size: int) -> Tensor:
    """The named feature, [batch, time, size], refused when it is missing or has another shape.

    Example
    -------
    >>> import torch
    >>> take_feature({"lld": torch.zeros(1, 2, 3)}, "lld", 3).shape
    torch.Size([1, 2, 3])
    """
    if name not in features:
        raise ValueError(f"expected the feature {name!r}, found {sorted(features)}")
    x = features[name]
    if x.dim() != 3 or x.shape[2] != size:
        raise ValueError(f"{name}: expected [batch, time, {size}], found {list(x.shape)}")
    return x


def check_lengths(name: str, x: Tensor, lengths: Tensor, least: int = 0) -> Tensor:
    """The lengths [batch] on the device of x [batch, time, ...], refused when they do not fit it.

    Example
    -------
    >>> import torch
    >>> check_lengths("w2v2", torch.zeros(2, 5, 1), torch.tensor([5, 0]))
    tensor([5, 0])
    """
    refuse_relative(name, x, lengths)
    if lengths.shape != x.shape[:1] or int(lengths.min()) < least or int(lengths.max()) > x.shape[1]:
        found = lengths.tolist()
        raise ValueError(f"{name}: expected {x.shape[0]} lengths from {least} to {x.shape[1]}, found {found}")
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
    >>> import torch
    >>> refuse_relative("w2v2", torch.zeros(2, 5, 1), torch.tensor([5, 2]))
    """
    if lengths.is_floating_point():
        raise ValueError(
            f"{name}: expected numbers of frames as whole numbers, found {lengths.tolist()}: SpeechBrain's relative "
            f"lengths become numbers of frames by (lengths * {x.shape[1]}).round().long()"
        )
