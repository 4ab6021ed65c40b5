"""States of the authors' SD-CAFF module: what they show of its build, and the two sets of names."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from speechbrain_ext.lobes.official_state import checked_tensors, some_names
from speechbrain_ext.utils.errors import UserError

WHAT = "SD-CAFF state"
_OPTIONAL = ("lambdas", "init_v", "num_batches_tracked")


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
        The state lacks what sizes are read from, or holds it in a form that no such module has.
    """
    needed = ("integral_fc_emotion.weight", "lstm.weight_ih_l0", "lstm.weight_hh_l0")
    missing = [name for name in needed if name not in state]
    if missing:
        raise UserError(f"{WHAT}: expected the authors' {', '.join(missing)}, found {some_names(state)}: {_ADVICE}")
    for name in (*needed, "integral_fc_sex.weight"):
        if name in state and (state[name].dim() != 2 or not state[name].numel()):
            raise UserError(f"{WHAT}: {name}: expected a matrix, found the shape {list(state[name].shape)}: {_ADVICE}")
    rows, units = state["lstm.weight_hh_l0"].shape
    if rows != 4 * units:
        raise UserError(f"{WHAT}: lstm.weight_hh_l0: expected 4 rows a column, found [{rows}, {units}]: {_ADVICE}")

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


def tensors(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a state, checked.

    Raises
    ------
    UserError
        As `checked_tensors`.
    """
    return checked_tensors(state, WHAT, _ADVICE)


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
        told = "; ".join(f"{kind}: {_listed(found)}" for kind, found in faults.items() if found)
        raise UserError(f"{WHAT}: expected the {len(own)} tensors of the authors' module; {told}: {_ADVICE}")
    with torch.no_grad():
        for name, tensor in own.items():
            if name in state:
                tensor.copy_(state[name])


_ADVICE = "give the state_dict() of one SD_CAFF module, and the flags it was built with"


def _name(ours: str) -> str:
    branch, _, rest = ours.partition(".")
    return rest if branch in ("static", "dynamic", "fusion") else ours


def _listed(names: list[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
