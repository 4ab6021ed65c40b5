"""From CA-MSER's spectrogram in dB to the image that AlexNet is shown, bit for bit as Pillow resizes it."""

from __future__ import annotations

import functools
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

HEIGHT, WIDTH = 256, 384
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
# Pillow's weights of 8-bit pixels are integers in units of 1 / 2^22.
BITS = 22


def bin_range(frames: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Least and largest value of each bin over frames, those of the training part.

    Arguments
    ---------
    frames : iterable of np.ndarray
        [frame, bin] each, with the padding, as the feature has it.

    Returns
    -------
    tuple of np.ndarray
        low and high, float32 [bin].

    Example
    -------
    >>> low, high = bin_range([np.array([[-80.0, -5.0]]), np.array([[-20.0, -60.0]])])
    >>> low.tolist(), high.tolist()
    ([-80.0, -60.0], [-20.0, -5.0])
    """
    low = high = None
    for each in frames:
        least, most = each.min(axis=0), each.max(axis=0)  # [bin]
        low = least if low is None else np.minimum(low, least)
        high = most if high is None else np.maximum(high, most)
    if low is None or high is None:
        raise ValueError("the range of the bins: expected frames, found none")
    return low.astype(np.float32), high.astype(np.float32)


def pixels(spectrogram: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Scale each bin to 0 to 255, cut off, high frequencies on top.

    Arguments
    ---------
    spectrogram : Tensor
        [batch, frame, bin] in dB.
    low, high : Tensor
        [bin], from `bin_range`. A bin that is constant there becomes 0 at its value and below.

    Returns
    -------
    Tensor
        uint8 [batch, bin, frame].

    Example
    -------
    >>> pixels(torch.tensor([[[-80.0, 0.0]]]), torch.tensor([-80.0, -80.0]), torch.tensor([0.0, 0.0])).tolist()
    [[[255], [0]]]
    """
    span = high - low  # [bin]
    scale = 1 / torch.where(span > 10 * torch.finfo(span.dtype).eps, span, torch.ones_like(span))  # [bin]
    share = (spectrogram * scale - low * scale).clamp(0, 1)  # [batch, frame, bin]
    return (share * 255).to(torch.uint8).transpose(1, 2).flip(1)  # [batch, bin, frame]


def resize(images: Tensor, height: int = HEIGHT, width: int = WIDTH) -> Tensor:
    """Resize by Pillow's bilinear filter, with its integer weights and its rounding between the two passes.

    Arguments
    ---------
    images : Tensor
        uint8 [batch, height, width].
    height, width : int
        Of the result.

    Returns
    -------
    Tensor
        uint8 [batch, height, width].

    Example
    -------
    >>> resize(torch.tensor([[[0, 100]]], dtype=torch.uint8), 1, 4).tolist()
    [[[0, 25, 75, 100]]]
    """
    wide = _along(images.to(torch.int32), width)  # [batch, height, new width]
    return _along(wide.transpose(1, 2), height).transpose(1, 2).to(torch.uint8)  # [batch, new height, new width]


def gray(spectrogram: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """The image as one channel between 0 and 1, before ImageNet's normalisation.

    Arguments
    ---------
    spectrogram, low, high : Tensor
        As for `pixels`.

    Returns
    -------
    Tensor
        float [batch, 1, 256, 384], of the type of `low`.
    """
    return resize(pixels(spectrogram, low, high)).to(low.dtype)[:, None] / 255  # [batch, 1, 256, 384]


def normalise(images: Tensor) -> Tensor:
    """Three channels with ImageNet's mean and deviation taken off each.

    Arguments
    ---------
    images : Tensor
        [batch, 1 or 3, height, width] between 0 and 1.

    Returns
    -------
    Tensor
        [batch, 3, height, width].

    Example
    -------
    >>> [round(value, 3) for value in normalise(torch.full((1, 1, 1, 1), 0.5)).flatten().tolist()]
    [0.066, 0.196, 0.418]
    """
    mean = images.new_tensor(MEAN)[:, None, None]  # [3, 1, 1]
    deviation = images.new_tensor(DEVIATION)[:, None, None]  # [3, 1, 1]
    return (images - mean) / deviation


def to_image(spectrogram: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """From a spectrogram in dB to the image that AlexNet is shown.

    Arguments
    ---------
    spectrogram, low, high : Tensor
        As for `pixels`: [batch, frame, bin], [bin], [bin].

    Returns
    -------
    Tensor
        [batch, 3, 256, 384].

    Source
    ------
    The public code of Zou et al., ICASSP 2022 (CA-MSER).

    Example
    -------
    >>> to_image(torch.zeros(2, 300, 200), torch.full((200,), -80.0), torch.zeros(200)).shape
    torch.Size([2, 3, 256, 384])
    """
    return normalise(gray(spectrogram, low, high))


def _along(images: Tensor, size: int) -> Tensor:
    """Resize the last axis of integers [..., old] to so many."""
    places, weights = _taps(images.shape[-1], size)  # [new, tap]
    total = torch.full((*images.shape[:-1], size), 1 << (BITS - 1), dtype=torch.int32, device=images.device)
    for place, weight in zip(places.T.to(images.device), weights.T.to(images.device), strict=True):
        total += images.index_select(-1, place) * weight  # [..., new]
    return (total >> BITS).clamp(0, 255)


@functools.lru_cache(maxsize=8)
def _taps(old: int, new: int) -> tuple[Tensor, Tensor]:
    """Pixels that each new one is made of, and their weights in 1 / 2^22, both [new, tap]."""
    scale = old / new
    reach = max(scale, 1.0)
    centre = (np.arange(new) + 0.5) * scale  # [new]
    first = np.maximum((centre - reach + 0.5).astype(np.int64), 0)
    last = np.minimum((centre + reach + 0.5).astype(np.int64), old)
    place = first[:, None] + np.arange((last - first).max())  # [new, tap]
    weight = np.clip(1 - np.abs((place - centre[:, None] + 0.5) / reach), 0, None) * (place < last[:, None])
    weight = weight / weight.sum(axis=1, keepdims=True)  # [new, tap]
    rounded = np.floor(weight * (1 << BITS) + 0.5).astype(np.int32)
    return torch.from_numpy(np.minimum(place, old - 1)), torch.from_numpy(rounded)
