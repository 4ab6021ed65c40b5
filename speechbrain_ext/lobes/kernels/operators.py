"""Gradients of activations by torch's own operators, which are not part of its public interface.

Each operator is used only where its signature is the known one; elsewhere the same is computed by public functions,
and one warning says so.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

_WITH_TARGET = "Tensor output, *, Tensor(a!) grad_input) -> Tensor(a!)"
SIGNATURES = {
    "sigmoid_backward": f"aten::sigmoid_backward.grad_input(Tensor grad_output, {_WITH_TARGET}",
    "tanh_backward": f"aten::tanh_backward.grad_input(Tensor grad_output, {_WITH_TARGET}",
    "gelu_backward": 'aten::gelu_backward(Tensor grad_output, Tensor self, *, str approximate="none") -> Tensor',
}


def known_operators(signatures: Mapping[str, str]) -> dict[str, Any]:
    """Look up torch's operators that have a known signature; warn once of all others.

    Arguments
    ---------
    signatures : mapping
        The signature by the operator's name, as torch writes it.

    Returns
    -------
    dict
        The operators by name; None for each that is missing or has another signature.

    Example
    -------
    >>> known_operators({"gelu_backward": SIGNATURES["gelu_backward"]})
    {'gelu_backward': <OpOverload(op='aten.gelu_backward', overload='default')>}
    """
    found = {name: _operator(name, signature) for name, signature in signatures.items()}
    missing = [name for name, operator in found.items() if operator is None]
    if missing:
        warnings.warn(
            f"torch {torch.__version__} has no operator {', '.join(missing)} of the known signature: "
            "training is slower, its results are the same",
            RuntimeWarning,
            stacklevel=2,
        )
    return found


def _operator(name: str, signature: str) -> Any:
    """The overload that a signature names, or None."""
    overload = signature.partition("(")[0].partition(".")[2] or "default"
    try:
        operator = getattr(getattr(torch.ops.aten, name), overload)
        return operator if str(operator._schema) == signature else None
    except (AttributeError, RuntimeError):
        return None


OPERATORS = known_operators(SIGNATURES)


def sigmoid_backward(grad: Tensor, output: Tensor, target: Tensor) -> None:
    """Fill `target` with the gradient of a sigmoid's input, from that of its output and the output."""
    if OPERATORS["sigmoid_backward"] is not None:
        OPERATORS["sigmoid_backward"](grad, output, grad_input=target)
    else:
        torch.mul(grad, output * (1 - output), out=target)


def tanh_backward(grad: Tensor, output: Tensor, target: Tensor) -> None:
    """Fill `target` with the gradient of a tanh's input, from that of its output and the output."""
    if OPERATORS["tanh_backward"] is not None:
        OPERATORS["tanh_backward"](grad, output, grad_input=target)
    else:
        torch.mul(grad, 1 - output.square(), out=target)


def gelu_backward(grad: Tensor, x: Tensor) -> Tensor:
    """The gradient of a GELU's input x, from that of its output."""
    if OPERATORS["gelu_backward"] is not None:
        return OPERATORS["gelu_backward"](grad, x)
    below = 0.5 * (1 + torch.erf(x / math.sqrt(2)))  # the normal distribution up to x
    density = torch.exp(-0.5 * x.square()) / math.sqrt(2 * math.pi)
    return grad * (below + x * density)
