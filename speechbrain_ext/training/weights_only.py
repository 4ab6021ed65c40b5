"""Checkpoints loaded as weights and plain values, whatever the environment says: none of their files may run code."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager

import yaml

from speechbrain_ext.utils.errors import UserError

# With it torch.load unpickles everything where a caller, such as SpeechBrain's loaders, does not say weights_only.
UNSAFE_SWITCH = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"


@contextmanager
def weights_only(where: str) -> Iterator[None]:
    """Let torch.load read nothing but weights and plain values, also inside of SpeechBrain.

    SpeechBrain 1.1.2 calls torch.load without `weights_only` for modules, optimisers, schedulers and the gradient
    scaler; torch then takes its default, which the environment can change. Its other files are numbers and safe YAML.

    Arguments
    ---------
    where : str
        The checkpoint, for messages.

    Raises
    ------
    UserError
        A file holds more than weights.
    """
    switched = os.environ.pop(UNSAFE_SWITCH, None)
    try:
        yield
    except (pickle.UnpicklingError, yaml.YAMLError) as fault:
        reason = " ".join(str(fault).split())[:160]
        raise UserError(
            f"{where}: expected weights and numbers only, found something else ({reason}): "
            "remove this checkpoint and train again with: ./run.sh --stage 2"
        ) from None
    finally:
        if switched is not None:
            os.environ[UNSAFE_SWITCH] = switched
