"""The convolutions in front of wav2vec 2.0 as matrix products over channels-last frames, for the CPU.

The same function and gradients as the model's own convolutions (but for rounding). A batch of 8 segments of 3 s takes
about the same time and 0.3 times the memory, measured on an AMD EPYC:

- windows of a convolution of kernel 2 or 3 and stride 2 are rows of the input as it lies in memory, a
  pair of frames and the frame after it, so nothing is copied to multiply them;
- the first convolution and the norm over time behind it are one product: mean and variance of its
  output follow from those of the 10 samples that a filter sees;
- activations are computed anew in the backward pass, and one utterance at a time;
- the waveform gets no gradient, which nothing asks for.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
import transformers
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from speechbrain_ext.lobes.kernels.operators import gelu_backward
from speechbrain_ext.lobes.kernels.saved import saved_tensors

# Long enough for three frames.
PROBE_SAMPLES = 1040
NAME = "the convolutions of wav2vec 2.0"


class Wav2Vec2Convolutions(nn.Module):
    """Stand in for a model's `feature_extractor`, with its layers, names and state.

    On a GPU, in half precision, or where a gradient of the waveform is asked for, the model's own code runs.

    Arguments
    ---------
    plain : nn.Module
        The model's own feature extractor, with a norm over time behind the first convolution.
    """

    def __init__(self, plain: nn.Module) -> None:
        super().__init__()
        self.conv_layers = plain.conv_layers
        self._plain = (plain,)  # in a tuple, so that its parameters are not listed twice

    def forward(self, waves: Tensor) -> Tensor:
        """Give features [batch, channel, frame] of waveforms [batch, samples]."""
        exact = waves.dtype in (torch.float32, torch.float64) and self.conv_layers[0].conv.weight.dtype == waves.dtype
        autocast = torch.is_autocast_enabled(waves.device.type)
        if waves.device.type != "cpu" or not exact or autocast or waves.requires_grad:
            return self._plain[0].train(self.training)(waves)
        first = self.conv_layers[0]
        windows = waves.unfold(1, first.conv.kernel_size[0], first.conv.stride[0])  # [batch, frame, tap]
        filters = normed_filters(windows, first.conv.weight.squeeze(1), first.layer_norm)  # [batch, channel, tap + 1]
        weights = [layer.conv.weight for layer in self.conv_layers[1:]]
        return _Stack.apply(windows, filters, *weights).transpose(1, 2)  # [batch, channel, frame]

    def _freeze_parameters(self) -> None:
        """As the model's own extractor."""
        self._plain[0]._freeze_parameters()


def use_fast_convolutions(encoder: nn.Module) -> nn.Module:
    """Replace a model's convolutions by ones that need less memory on the CPU, where their form allows it.

    Arguments
    ---------
    encoder : nn.Module
        A model of transformers, changed in place; names and state stay.
    """
    config = encoder.config
    form = (config.feat_extract_norm, config.feat_extract_activation, bool(config.conv_bias))
    steps = set(zip(config.conv_kernel[1:], config.conv_stride[1:], strict=True))
    if form == ("group", "gelu", False) and steps <= {(2, 2), (3, 2)}:
        encoder.feature_extractor = _fast_or_plain(encoder.feature_extractor)
    return encoder


def _fast_or_plain(plain: nn.Module) -> nn.Module:
    """The fast convolutions where they are the same function as the model's own, else these, with a warning."""
    try:
        fast = Wav2Vec2Convolutions(plain)
        first = fast.conv_layers[0].conv.weight
        waves = torch.linspace(-3, 3, PROBE_SAMPLES, device=first.device, dtype=first.dtype).square().sin()[None]
        with torch.no_grad():
            wanted, found = plain(waves.clone()), fast(waves.clone())
        same = found.shape == wanted.shape and torch.allclose(found, wanted, rtol=1e-3, atol=1e-4)
    except (AttributeError, IndexError, TypeError, ValueError, RuntimeError):
        same = False
    if same:
        return fast
    warnings.warn(
        f"transformers {transformers.__version__}: the convolutions of {type(plain).__name__} are not those that are "
        "known: its own run, which take more memory",
        RuntimeWarning,
        stacklevel=2,
    )
    return plain


def normed_filters(windows: Tensor, weight: Tensor, norm: nn.GroupNorm) -> Tensor:
    """Filters and shifts of each utterance that are the first convolution and the norm over time in one.

    The variance of w . x over time is w' C w with C the covariance of the windows' taps.

    Arguments
    ---------
    windows : Tensor
        [batch, frame, tap].
    weight : Tensor
        [channel, tap].
    norm : nn.GroupNorm
        One group a channel.

    Returns
    -------
    Tensor
        [batch, channel, tap + 1], the shift last.
    """
    wide = windows.detach().double()
    mean = wide.mean(1)  # [batch, tap]
    centred = wide - mean.unsqueeze(1)  # [batch, frame, tap]
    covariance = centred.transpose(1, 2) @ centred / windows.shape[1]  # [batch, tap, tap]
    filters = weight.double()
    variance = torch.einsum("ck,bkl,cl->bc", filters, covariance, filters)  # [batch, channel]
    gain = norm.weight * torch.rsqrt(variance + norm.eps)  # [batch, channel]
    shift = norm.bias - gain * (mean @ filters.t())  # [batch, channel]
    scaled = gain.unsqueeze(2) * filters  # [batch, channel, tap]
    return torch.cat([scaled, shift.unsqueeze(2)], dim=2).to(weight.dtype)


class _Stack(torch.autograd.Function):
    """All convolutions with their activations, given the first one's filters with the norm in them."""

    @staticmethod
    def forward(ctx: Any, windows: Tensor, filters: Tensor, *weights: Tensor) -> Tensor:
        keep = any(ctx.needs_input_grad)
        split = [split_taps(weight) for weight in weights]
        ctx.sums, ctx.freed, outputs = [], False, []
        for rows, filter_ in zip(windows, filters, strict=True):
            x = nn.functional.gelu(_first(rows, filter_))  # [frame, channel]
            sums = []
            for taps in split:
                sums.append(_convolve(x, taps))  # [fewer frames, channel]
                x = nn.functional.gelu(sums[-1])
            outputs.append(x)
            ctx.sums.append(sums if keep else [])
        ctx.save_for_backward(windows, filters, *weights)
        return torch.stack(outputs)  # [batch, frame, channel]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.freed:
            raise RuntimeError(
                f"{NAME}: a second backward pass went through one forward pass, whose values the first one frees: "
                "run the forward pass again"
            )
        windows, filters, *weights = saved_tensors(ctx, NAME)
        ctx.freed = True
        split = [split_taps(weight) for weight in weights]
        d_split = [[torch.zeros_like(part) for part in taps] for taps in split]
        d_filters = torch.empty_like(filters)
        for n, d_x in enumerate(gradient):
            sums = [_first(windows[n], filters[n]), *ctx.sums[n]]
            for taps, d_taps in zip(reversed(split), reversed(d_split), strict=True):
                d_y = gelu_backward(d_x, sums.pop())
                d_x = _convolve_backward(nn.functional.gelu(sums[-1]), taps, d_y, d_taps)
            d_y = gelu_backward(d_x, sums.pop())  # [frame, channel]
            d_filters[n, :, :-1] = d_y.t() @ windows[n]
            d_filters[n, :, -1] = d_y.sum(0)
            ctx.sums[n] = []  # done with; its memory serves the next
        return None, d_filters, *map(join_taps, d_split)


def split_taps(weight: Tensor) -> list[Tensor]:
    """The weight [out, in, tap] of 2 or 3 taps as [out, 2 * in] for a pair of frames, and [out, in] for the next."""
    pair = weight[:, :, :2].transpose(1, 2).flatten(1).contiguous()
    return [pair, *(part.contiguous() for part in weight[:, :, 2:].unbind(2))]


def join_taps(parts: list[Tensor]) -> Tensor:
    """The inverse of `split_taps`.

    Example
    -------
    >>> weight = torch.rand(4, 5, 3)
    >>> bool((join_taps(split_taps(weight)) == weight).all())
    True
    """
    pair = parts[0].unflatten(1, (2, -1)).transpose(1, 2)  # [out, in, 2]
    return torch.cat([pair, *(part.unsqueeze(2) for part in parts[1:])], dim=2)  # [out, in, tap]


def _first(rows: Tensor, filters: Tensor) -> Tensor:
    """The first convolution with its norm: windows [frame, tap] and filters [channel, tap + 1] to [frame, channel]."""
    return torch.addmm(filters[:, -1], rows, filters[:, :-1].t())


def _parts(x: Tensor, frames: int) -> list[Tensor]:
    """The windows of stride 2 as they lie in memory: pairs of frames [frame, 2 * channel], and the frame after each."""
    return [x[: 2 * frames].view(frames, -1), x[2 : 2 * frames + 1 : 2]]


def _convolve(x: Tensor, taps: list[Tensor]) -> Tensor:
    """A convolution of 2 or 3 taps and stride 2, of [frame, in] to [fewer frames, out]."""
    frames = (len(x) - len(taps) - 1) // 2 + 1
    pairs, after = _parts(x, frames)
    y = pairs @ taps[0].t()  # [fewer frames, out]
    for tap in taps[1:]:
        y.addmm_(after, tap.t())
    return y


def _convolve_backward(x: Tensor, taps: list[Tensor], d_y: Tensor, d_taps: list[Tensor]) -> Tensor:
    """Add to the taps' gradients, and give that of x [frame, in]."""
    d_x = torch.zeros_like(x)
    for part, d_part, tap, d_tap in zip(_parts(x, len(d_y)), _parts(d_x, len(d_y)), taps, d_taps, strict=False):
        d_tap.addmm_(d_y.t(), part)  # [out, in]
        d_part.addmm_(d_y, tap)
    return d_x
