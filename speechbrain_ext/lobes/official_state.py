"""States of the authors' modules: what is checked before a network is built from one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from speechbrain_ext.utils.errors import UserError

COUNTER = "num_batches_tracked"
SHOWN = 5


def checked_tensors(state: Any, what: str, advice: str) -> dict[str, Tensor]:
    """Check that a state holds tensors by name, all of one floating type and finite.

    Arguments
    ---------
    state : mapping
        Tensors or arrays by the authors' names.
    what : str
        What the state is of, for the error message.
    advice : str
        What to give instead.

    Returns
    -------
    dict
        The tensors by name.

    Raises
    ------
    UserError
        It is no mapping, a name is no text, or a value is no dense tensor of finite floating numbers.

    Example
    -------
    >>> list(checked_tensors({"a": np.zeros(2)}, "state", "give another"))
    ['a']
    """
    if not isinstance(state, Mapping):
        raise UserError(f"{what}: expected tensors by name, found {type(state).__name__}: {advice}")
    found: dict[str, Tensor] = {}
    kinds: dict[torch.dtype, str] = {}
    for name, value in state.items():
        if not isinstance(name, str):
            raise UserError(f"{what}: expected names as text, found {name!r}: {advice}")
        found[name] = _tensor(value, f"{what}: {name}", advice)
        if name.rsplit(".", 1)[-1] != COUNTER:
            kinds.setdefault(_float_type(found[name], f"{what}: {name}", advice), name)
    if len(kinds) > 1:
        told = " and ".join(f"{str(kind).removeprefix('torch.')} ({name})" for kind, name in kinds.items())
        raise UserError(f"{what}: expected one type of numbers, found {told}: {advice}")
    return found


def some_names(state: Mapping[str, Any]) -> str:
    """A few names of a state, and how many there are."""
    shown = ", ".join(list(state)[:SHOWN])
    return f"{shown}, ... ({len(state)} in all)" if len(state) > SHOWN else shown or "nothing"


def _tensor(value: Any, place: str, advice: str) -> Tensor:
    if isinstance(value, np.ndarray):
        try:
            value = torch.as_tensor(value)
        except (TypeError, ValueError):
            raise UserError(f"{place}: expected a tensor, found an array of {value.dtype}: {advice}") from None
    if not isinstance(value, Tensor):
        raise UserError(f"{place}: expected a tensor, found {type(value).__name__}: {advice}")
    if value.layout != torch.strided or value.is_quantized or value.device.type == "meta":
        raise UserError(f"{place}: expected a dense tensor with values, found {_form(value)}: {advice}")
    return value.detach()


def _form(value: Tensor) -> str:
    if value.device.type == "meta":
        return "one without values (device meta)"
    return "a quantised one" if value.is_quantized else f"one of layout {str(value.layout).removeprefix('torch.')}"


def _float_type(value: Tensor, place: str, advice: str) -> torch.dtype:
    if not value.is_floating_point():
        kind = str(value.dtype).removeprefix("torch.")
        raise UserError(f"{place}: expected floating numbers, found {kind}: {advice}")
    if not bool(torch.isfinite(value).all()):
        raise UserError(f"{place}: expected finite numbers, found NaN or infinite ones: {advice}")
    return value.dtype
