"""The names of the authors' CA-MSER, to and from ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from speechbrain_ext.utils.errors import UserError

PREFIXES = {  # ours: the authors'
    "alexnet.features.": "alexnet_model.features.",
    "spectrogram_layer.": "post_spec_layer.",
    "lstm.": "lstm_mfcc.",
    "mfcc_layer.": "post_mfcc_layer.",
    "co_attention.linear.": "post_spec_mfcc_att_layer.",
    "encoder.": "wav2vec2_model.",
    "w2e_layer.": "post_wav_layer.",
    "fusion.": "post_att_layer_1.",
    "hidden.": "post_att_layer_2.",
    "classifier.": "post_att_layer_3.",
}
WHAT = "CA-MSER's state"
UNUSED = "alexnet_model.classifier."
_POSITIONS = "encoder.encoder.pos_conv_embed.conv."
# Before its version 2.0 torch named the two parts of a normalised weight so.
OLD = {
    f"{_POSITIONS}weight_g": f"{_POSITIONS}parametrizations.weight.original0",
    f"{_POSITIONS}weight_v": f"{_POSITIONS}parametrizations.weight.original1",
}
EXAMPLE = "give the state_dict of the authors' Ser_Model and the configuration of its wav2vec 2.0"


def renamed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give the authors' state by our names; unknown names stay as they are.

    Raises
    ------
    UserError
        A name is ours and not the authors', or two names are of one weight.

    Example
    -------
    >>> sorted(renamed({"post_att_layer_3.bias": 1, "alexnet_model.classifier.1.bias": 2, "other": 3}))
    ['classifier.bias', 'other']
    """
    found = {}
    ours = [name for name in state if name.startswith(tuple(PREFIXES))]
    if ours:
        raise UserError(f"{WHAT}: expected the authors' names, found {_listed(ours)}: {EXAMPLE}")
    for name, value in state.items():
        if not name.startswith(UNUSED):
            mine = _replaced(name, {theirs: ours for ours, theirs in PREFIXES.items()})
            mine = OLD.get(mine, mine)
            if mine in found:
                raise UserError(f"{WHAT}: {name}: expected one name of a weight, found two: {EXAMPLE}")
            found[mine] = value
    return found


def official(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give our state by the authors' names.

    Example
    -------
    >>> official({"classifier.bias": 1, "encoder.encoder.layer_norm.bias": 2})
    {'post_att_layer_3.bias': 1, 'wav2vec2_model.encoder.layer_norm.bias': 2}
    """
    return {_replaced(name, PREFIXES): value for name, value in state.items()}


def sizes(state: Mapping[str, Tensor]) -> dict[str, int]:
    """Sizes of the network that a state under our names is of."""
    places = {
        "n_classes": ("classifier.weight", 0),
        "frames": ("co_attention.linear.weight", 0),
        "mfcc_size": ("lstm.weight_ih_l0", 1),
    }
    lacking = [_replaced(name, PREFIXES) for name, _ in places.values() if name not in state]
    if lacking:
        raise UserError(f"{WHAT}: missing {', '.join(lacking)}: {EXAMPLE}")
    for name, _ in places.values():
        if state[name].dim() != 2 or not state[name].numel():
            shape = list(state[name].shape)
            raise UserError(f"{WHAT}: {_replaced(name, PREFIXES)}: expected a matrix, found {shape}: {EXAMPLE}")
    return {key: int(state[name].shape[axis]) for key, (name, axis) in places.items()}


def configuration(config: Any) -> Any:
    """The configuration of the state's wav2vec 2.0.

    Raises
    ------
    UserError
        It is neither a configuration of transformers nor a mapping that makes one.
    """
    from transformers import AutoConfig, PretrainedConfig

    if isinstance(config, PretrainedConfig):
        return config
    if not isinstance(config, Mapping):
        raise UserError(f"wav2vec2_config: expected fields by name, found {type(config).__name__}: {EXAMPLE}")
    fields = dict(config)
    try:
        found = AutoConfig.for_model(fields.pop("model_type", "wav2vec2"), **fields)
    except Exception as fault:
        # transformers and its checks of types raise errors of many kinds.
        raise UserError(f"wav2vec2_config: {_one_line(fault)}: {EXAMPLE}") from None
    for name in ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"):
        size = getattr(found, name, None)
        if not isinstance(size, int) or size < 1:
            raise UserError(
                f"wav2vec2_config: {name}: expected a whole number of at least 1, found {size!r}: {EXAMPLE}"
            )
    return found


@contextmanager
def building() -> Iterator[None]:
    """Turn faults of building a network from a state's sizes and a configuration into one line."""
    try:
        yield
    except (UserError, ValueError):
        raise
    except Exception as fault:
        # What breaks in a configuration that fits no model is any of many kinds.
        raise UserError(f"wav2vec2_config: no model can be built of it ({_one_line(fault)}): {EXAMPLE}") from None


def _one_line(fault: Exception) -> str:
    text = " ".join(str(fault).split()) or "no reason given"
    return f"{type(fault).__name__}: {text[:200]}"


def check(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    """Refuse a state under our names that does not fit, in one line that names the authors' keys."""
    faults = []
    for what, names in (("missing", wanted.keys() - found.keys()), ("unknown", found.keys() - wanted.keys())):
        if names:
            faults.append(f"{what} {_listed(_replaced(name, PREFIXES) for name in names)}")
    for name in sorted(wanted.keys() & found.keys()):
        if wanted[name].shape != found[name].shape:
            shapes = f"expected {list(wanted[name].shape)}, found {list(found[name].shape)}"
            faults.append(f"{_replaced(name, PREFIXES)}: {shapes}")
    if faults:
        raise UserError(f"{WHAT}: {'; '.join(faults[:4])}: {EXAMPLE}")


def _replaced(name: str, prefixes: Mapping[str, str]) -> str:
    for old, new in prefixes.items():
        if name.startswith(old):
            return new + name[len(old) :]
    return name


def _listed(names, most: int = 5) -> str:
    names = sorted(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
