"""States of the authors' SD-CAFF module: what they show of its build, and the two sets of names."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from speechbrain_ext.errors import UserError

_OPTIONAL = ("lambdas", "init_v", "num_batches_tracked")
_SHOWN = 5


def arguments(
    state: Mapping[str, Tensor],
    dyrelu: bool | None = None,
    bidirectional: bool | None = None,
    center: bool | None = None,
    gender: bool | None = None,
) -> dict[str, object]:
    """The arguments of `SDCAFF` that a state of the authors' module asks for.

    Arguments
    ---------
    state : mapping
    dyrelu, bidirectional, center, gender : bool, optional
        None: as the state shows.

    Raises
    ------
    UserError
        The state lacks what sizes are read from.
    """
    needed = {"integral_fc_emotion.weight": 2, "lstm.weight_ih_l0": 2, "lstm.weight_hh_l0": 2}
    wrong = [name for name, dim in needed.items() if name not in state or len(state[name].shape) != dim]
    if wrong:
        raise UserError(f"SD-CAFF state: expected the authors' {', '.join(wrong)}, found {_some(state)}; {_ADVICE}")

    def shown(asked: bool | None, name: str) -> bool:
        return name in state if asked is None else asked

    bidirectional = shown(bidirectional, "lstm.weight_ih_l0_reverse")
    genders = state.get("integral_fc_sex.weight")
    return {
        "n_classes": state["integral_fc_emotion.weight"].shape[0],
        "dynamic_size": state["lstm.weight_ih_l0"].shape[1],
        "hidden_size": state["lstm.weight_hh_l0"].shape[1] * (2 if bidirectional else 1),
        "bidirectional": bidirectional,
        "activation": "dynamic" if shown(dyrelu, "relu1.fc1.weight") else "relu",
        "center": shown(center, "integral_fc_emotion_center.weight"),
        "gender": shown(gender, "integral_fc_sex.weight"),
        "n_genders": 2 if genders is None else genders.shape[0],
        "pool": "before",
    }


def names(model: nn.Module) -> dict[str, Tensor]:
    """The state of a model under the authors' names, which are ours without the branch.

    Raises
    ------
    UserError
        The model is an ablation.
    """
    if model.variant != "full":
        raise UserError(f"variant: expected full, the one that the authors' names are for, found {model.variant}")
    return {_name(ours): tensor for ours, tensor in model.state_dict().items()}


def load(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Fill a model, and give it the state's type.

    Raises
    ------
    UserError
        Naming every tensor that is missing, unknown, or of another shape.
    """
    state = {name: torch.as_tensor(tensor) for name, tensor in state.items()}
    model.to(state["integral_fc_emotion.weight"].dtype)
    own = names(model)
    missing = [name for name in own if name not in state and name.rsplit(".", 1)[-1] not in _OPTIONAL]
    unknown = [name for name in state if name not in own]
    shapes = [
        f"{name} {list(state[name].shape)} instead of {list(tensor.shape)}"
        for name, tensor in own.items()
        if name in state and state[name].shape != tensor.shape
    ]
    faults = {"missing": missing, "unknown": unknown, "of another shape": shapes}
    if any(faults.values()):
        told = "; ".join(f"{kind}: {', '.join(found)}" for kind, found in faults.items() if found)
        raise UserError(f"SD-CAFF state: expected the {len(own)} tensors of the authors' module; {told}; {_ADVICE}")
    with torch.no_grad():
        for name, tensor in own.items():
            if name in state:
                tensor.copy_(state[name])


_ADVICE = "give the state_dict() of one SD_CAFF module, and the flags it was built with"


def _name(ours: str) -> str:
    branch, _, rest = ours.partition(".")
    return rest if branch in ("static", "dynamic", "fusion") else ours


def _some(state: Mapping[str, Tensor]) -> str:
    shown = ", ".join(list(state)[:_SHOWN])
    return f"{shown}, ... ({len(state)} in all)" if len(state) > _SHOWN else shown or "nothing"
