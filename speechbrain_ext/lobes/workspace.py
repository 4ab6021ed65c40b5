"""Large scratch memory of the CPU kept from one training step to the next."""

from __future__ import annotations

import math

from torch import Tensor

_KEPT = 4
_free: list[Tensor] = []


class Workspace:
    """Memory for a few tensors, given back for reuse when this object dies.

    The system's allocator returns blocks of this size to the kernel, and
    fetching them again page by page costs as much as the computation itself.
    On a GPU PyTorch keeps memory already; there this is a plain allocation.

    Arguments
    ---------
    like : Tensor
        Gives type and device.
    shapes : tuple of int
        The shapes of the tensors, which are in `tensors`, uninitialised.

    Example
    -------
    >>> import torch
    >>> space = Workspace(torch.zeros(1), (2, 3), (4,))
    >>> [tuple(tensor.shape) for tensor in space.tensors]
    [(2, 3), (4,)]
    """

    def __init__(self, like: Tensor, *shapes: tuple[int, ...]):
        sizes = [math.prod(shape) for shape in shapes]
        self._memory = _take(sum(sizes), like)
        parts = self._memory[: sum(sizes)].split(sizes)
        self.tensors = [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]

    def __del__(self):
        memory = getattr(self, "_memory", None)
        if memory is not None and memory.device.type == "cpu" and len(_free) < _KEPT:
            _free.append(memory)


def _take(size: int, like: Tensor) -> Tensor:
    """The smallest free block that is large enough, or a new one in place of those too small."""
    if like.device.type == "cpu":
        fitting = sorted((n for n, block in enumerate(_free) if _fits(block, size, like)), key=lambda n: len(_free[n]))
        if fitting:
            return _free.pop(fitting[0])
        _free[:] = [block for block in _free if block.dtype != like.dtype or len(block) >= size]
    return like.new_empty(size)


def _fits(block: Tensor, size: int, like: Tensor) -> bool:
    """A block of the right type, large enough, and not so large that a bigger request would miss it."""
    return block.dtype == like.dtype and size <= len(block) <= 4 * max(size, 1)
