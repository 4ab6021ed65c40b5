"""Tensors that a hand-written autograd function saved for its backward pass."""

from __future__ import annotations

from typing import Any

from torch import Tensor


def saved_tensors(ctx: Any, name: str) -> tuple[Tensor, ...]:
    """The tensors that the forward pass saved.

    Arguments
    ---------
    ctx : object
        The context of a `torch.autograd.Function`.
    name : str
        What the function computes, for the error message.

    Raises
    ------
    RuntimeError
        They were freed: a backward pass went through this forward pass before, without `retain_graph=True`.
    """
    try:
        return ctx.saved_tensors
    except RuntimeError as fault:
        if "second time" not in str(fault):
            raise
        raise RuntimeError(
            f"{name}: a second backward pass went through one forward pass, whose tensors are freed: "
            "run the forward pass again, or call the first backward pass with retain_graph=True"
        ) from None
