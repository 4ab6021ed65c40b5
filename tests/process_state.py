"""What a test must leave as it found it: the settings of the process and of the libraries in it."""

from __future__ import annotations

import logging
import os
import signal
import sys
from typing import Any

# Written by pytest for the running test, by torch when it compiles or asks whether it could, and by SpeechBrain and
# scikit-learn (KMP_…) when they are loaded, which is in the first test that needs them.
NOT_OURS = (
    "PYTEST_CURRENT_TEST",
    "TORCHINDUCTOR_CACHE_DIR",
    "TRITON_CACHE_DIR",
    "SB_LOG_LEVEL",
    "KMP_DUPLICATE_LIB_OK",
    "KMP_INIT_AT_FORK",
)


def process_state() -> dict[str, Any]:
    """The settings that a test could change for the tests after it; of libraries only where they are loaded."""
    state: dict[str, Any] = {
        "environment variables": {name: value for name, value in os.environ.items() if name not in NOT_OURS},
        "working folder": os.getcwd(),
        "sys.path": list(sys.path),
        "signal handlers": {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)},
        "level of logging": logging.getLogger().level,
    }
    if "numpy" in sys.modules:
        import numpy as np

        state |= {"numpy's error handling": np.geterr(), "numpy's print options": np.get_printoptions()}
    if "torch" in sys.modules:
        state |= _torch_state()
    if "matplotlib" in sys.modules:
        import matplotlib

        # Read as a plain dictionary: asking for the backend would choose one.
        state["matplotlib's rcParams"] = {name: dict.get(matplotlib.rcParams, name) for name in matplotlib.rcParams}
        state["matplotlib's rcParams"].pop("backend", None)
    if "matplotlib.pyplot" in sys.modules:
        state["open figures"] = sys.modules["matplotlib.pyplot"].get_fignums()
    return state


def _torch_state() -> dict[str, Any]:
    import torch

    return {
        "torch's threads": torch.get_num_threads(),
        "torch's deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
        "torch's filling of memory": torch.utils.deterministic.fill_uninitialized_memory,
        "torch's denormal numbers": (torch.full((1,), torch.finfo(torch.float32).tiny) / 2).item() == 0,
        "torch's default type": torch.get_default_dtype(),
        "torch's gradients": torch.is_grad_enabled(),
        "torch's oneDNN": torch.backends.mkldnn.enabled,
    }


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Each setting that differs, with both values; settings of a library that was loaded meanwhile do not count."""
    found = []
    for name in before.keys() & after.keys():
        if repr(before[name]) == repr(after[name]):
            continue
        if isinstance(before[name], dict):
            keys = before[name].keys() | after[name].keys()
            pairs = {key: (before[name].get(key), after[name].get(key)) for key in keys}
            found += [f"{name}, {key}: {one!r} -> {two!r}" for key, (one, two) in pairs.items() if one != two]
        else:
            found.append(f"{name}: {before[name]!r} -> {after[name]!r}")
    return sorted(found)
