"""Exchange of states with the authors' modules: their names, and what is checked before a network is built."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from speechbrain_ext.utils.errors import UserError

COUNTER = "num_batches_tracked"


@dataclass(frozen=True)
class OfficialState:
    """How the authors of a system name the tensors of their module.

    Attributes
    ----------
    what : str
        What the state is of, for error messages.
    advice : str
        What to give instead, for error messages.
    prefixes : mapping
        From the beginning of our names to that of the authors'.
    unused : tuple of str
        Beginnings of the authors' names of layers that our network does not have.
    renamed : mapping
        From the authors' names as older versions of torch wrote them to the present ones.
    optional : tuple of str
        Last parts of names that may be missing.

    Example
    -------
    >>> names = OfficialState("state", "give another", {"out.": "fc."}, unused=("old.",))
    >>> names.of(nn.ModuleDict({"out": nn.Linear(1, 1, bias=False)})).keys()
    dict_keys(['fc.weight'])
    >>> names.read({"fc.weight": np.zeros((1, 1)), "old.bias": np.zeros(1)})
    {'fc.weight': tensor([[0.]], dtype=torch.float64)}
    """

    what: str
    advice: str
    prefixes: Mapping[str, str]
    unused: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    optional: tuple[str, ...] = ()

    def name(self, ours: str) -> str:
        """The authors' name of one of our tensors."""
        for prefix, theirs in self.prefixes.items():
            if ours.startswith(prefix):
                return theirs + ours.removeprefix(prefix)
        return ours

    def of(self, model: nn.Module) -> dict[str, Tensor]:
        """The state of a model by the authors' names; the tensors are the model's own."""
        state = model.state_dict()
        return {self.name(ours): value for ours, value in state.items() if isinstance(value, Tensor)}

    def read(self, state: Any) -> dict[str, Tensor]:
        """Check that a state holds tensors by name, all of one floating type and finite.

        Arguments
        ---------
        state : mapping
            Tensors or arrays by the authors' names.

        Returns
        -------
        dict
            The tensors by the authors' present names.

        Raises
        ------
        UserError
            It is no mapping, a name is no text, or a value is no dense tensor of finite floating numbers.
        """
        if not isinstance(state, Mapping):
            raise self.error(f"expected tensors by name, found {type(state).__name__}")
        found: dict[str, Tensor] = {}
        kinds: dict[torch.dtype, str] = {}
        for given, value in state.items():
            if not isinstance(given, str):
                raise self.error(f"expected names as text, found {given!r}")
            name = self.renamed.get(given, given)
            if name in found:
                raise self.error(f"{given}: expected one name of a weight, found two")
            try:
                found[name] = _tensor(value)
                if name.rsplit(".", 1)[-1] != COUNTER:
                    kinds.setdefault(_float_type(found[name]), given)
            except ValueError as fault:
                raise self.error(f"{given}: {fault}") from None
        if len(kinds) > 1:
            types = " and ".join(f"{str(kind).removeprefix('torch.')} ({name})" for kind, name in kinds.items())
            raise self.error(f"expected one type of numbers, found {types}")
        return {name: value for name, value in found.items() if not name.startswith(self.unused)}

    def matrices(self, state: Mapping[str, Tensor], names: Iterable[str]) -> None:
        """Check tensors that sizes are read from.

        Raises
        ------
        UserError
            One is missing or is no matrix.
        """
        if missing := [name for name in names if name not in state]:
            raise self.error(
                f"expected the authors' {', '.join(missing)}, found {_listed(state)}; missing: {missing[0]}"
            )
        for name in names:
            if state[name].dim() != 2 or not state[name].numel():
                raise self.error(f"{name}: expected a matrix, found the shape {list(state[name].shape)}")

    def load(self, model: nn.Module, state: Mapping[str, Tensor]) -> None:
        """Fill a model, and give it the state's type.

        Raises
        ------
        UserError
            Naming the tensors that are missing, unknown, or of another shape.
        """
        model.to(next(value.dtype for value in state.values() if value.is_floating_point()))
        own = self.of(model)
        shapes = [
            f"{name} {list(state[name].shape)} instead of {list(tensor.shape)}"
            for name, tensor in own.items()
            if name in state and state[name].shape != tensor.shape
        ]
        faults = {
            "missing": [name for name in own if name not in state and name.rsplit(".", 1)[-1] not in self.optional],
            "unknown": [name for name in state if name not in own],
            "of another shape": shapes,
        }
        if any(faults.values()):
            found = "; ".join(f"{kind}: {_listed(names)}" for kind, names in faults.items() if names)
            raise self.error(f"expected the {len(own)} tensors of the authors' module; {found}")
        with torch.no_grad():
            for name, tensor in own.items():
                if name in state:
                    tensor.copy_(state[name])

    def error(self, fault: str) -> UserError:
        """The error of a state, with the advice."""
        return UserError(f"{self.what}: {fault}: {self.advice}")


def _listed(names: Iterable[str], most: int = 8) -> str:
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more or "nothing"


def _tensor(value: Any) -> Tensor:
    if isinstance(value, np.ndarray):
        try:
            value = torch.as_tensor(value)
        except (TypeError, ValueError):
            raise ValueError(f"expected a tensor, found an array of {value.dtype}") from None
    if not isinstance(value, Tensor):
        raise ValueError(f"expected a tensor, found {type(value).__name__}")
    if value.layout != torch.strided or value.is_quantized or value.device.type == "meta":
        raise ValueError(f"expected a dense tensor with values, found {_form(value)}")
    return value.detach()


def _form(value: Tensor) -> str:
    if value.device.type == "meta":
        return "one without values (device meta)"
    return "a quantised one" if value.is_quantized else f"one of layout {str(value.layout).removeprefix('torch.')}"


def _float_type(value: Tensor) -> torch.dtype:
    if not value.is_floating_point():
        raise ValueError(f"expected floating numbers, found {str(value.dtype).removeprefix('torch.')}")
    if not bool(torch.isfinite(value).all()):
        raise ValueError("expected finite numbers, found NaN or infinite ones")
    return value.dtype
