"""Matrix products in float32 on the CPU by oneDNN, which uses what other libraries leave idle on some processors.

On an AMD EPYC with AVX-512 it does twice the products a second of PyTorch's own choice, with the same
precision; where it is missing, and for every other type and device, PyTorch's own choice is made.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Multiply without a gradient of its own: [..., in] and [out, in] to [..., out].

    Example
    -------
    >>> product(torch.ones(2, 3), torch.ones(4, 3)).tolist()
    [[3.0, 3.0, 3.0, 3.0], [3.0, 3.0, 3.0, 3.0]]
    """
    if usable(x) and usable(weight) and x.numel() and weight.numel():
        return torch.ops.mkldnn._linear_pointwise(_laid_out(x), _laid_out(weight), bias, "none", [], "")
    return nn.functional.linear(x, weight, bias)


def _laid_out(x: Tensor) -> Tensor:
    """Copy what is neither contiguous nor the transpose of it: for such oneDNN has slow code only, by 1000."""
    return x if x.is_contiguous() or (x.dim() == 2 and x.t().is_contiguous()) else x.contiguous()


def usable(x: Tensor) -> bool:
    """Whether oneDNN multiplies such a tensor here."""
    return (
        x.dtype == torch.float32
        and x.device.type == "cpu"
        and torch.backends.mkldnn.enabled
        and torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
    )


class OneDNNLinear(nn.Linear):
    """A linear layer with the products of its forward and backward passes by oneDNN.

    Example
    -------
    >>> OneDNNLinear(3, 4)(torch.rand(2, 5, 3)).shape
    torch.Size([2, 5, 4])
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map [..., in] to [..., out]."""
        if not (usable(x) and usable(self.weight) and x.numel()):
            return super().forward(x)
        # Flat, as the product of more dimensions is a view within the function, which nobody may then change in place.
        y = _Linear.apply(x.reshape(-1, self.in_features), self.weight, self.bias)  # [row, out]
        return y.view(*x.shape[:-1], self.out_features)  # [..., out]


def quicken(module: nn.Module) -> nn.Module:
    """Turn every plain `nn.Linear` within a module into a `OneDNNLinear`, in place; names and state stay.

    Example
    -------
    >>> type(quicken(nn.Sequential(nn.Linear(2, 2)))[0]).__name__
    'OneDNNLinear'
    """
    for part in module.modules():
        if type(part) is nn.Linear:
            part.__class__ = OneDNNLinear
    return module


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x if ctx.needs_input_grad[1] else None, weight)  # a frozen layer needs no input again
        return product(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_y: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        d_x = product(d_y, weight.t()) if ctx.needs_input_grad[0] else None  # [row, in]
        d_weight = product(d_y.t(), x.t()) if ctx.needs_input_grad[1] else None  # [out, in]
        d_bias = d_y.sum(0) if ctx.needs_input_grad[2] else None  # [out]
        return d_x, d_weight, d_bias
