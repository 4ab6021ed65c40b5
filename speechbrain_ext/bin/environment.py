"""The environment with all packages: used where it is there, built once where it is not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec

from speechbrain_ext.utils.repository import REPOSITORY

NEEDED = ("torch", "torchaudio", "speechbrain", "hyperpyyaml", "soundfile")
VENV = REPOSITORY / ".venv"
SETUP = REPOSITORY / "tools" / "setup_env.sh"


def use_environment(words: Sequence[str], module: str = "run") -> None:
    """Return where this interpreter has all packages; else become that of `.venv`, which is built first if need be.

    Arguments
    ---------
    words : sequence of str
        The command line, which is started again.
    module : str
        The module of `speechbrain_ext.bin` that it is of.
    """
    activated = os.environ.get("VIRTUAL_ENV") or os.environ.get("CONDA_PREFIX")
    if activated and _is_here(activated) and all(find_spec(name) for name in NEEDED):
        return
    if _is_here(VENV) and subprocess.call(["bash", SETUP, "--check"]) == 0:
        return
    sys.stdout.flush()
    # The shell takes the place of this process, so that signals reach whatever runs.
    again = [str(VENV / "bin/python"), "-m", f"speechbrain_ext.bin.{module}", *words]
    os.execv(shutil.which("bash") or "/bin/bash", ["bash", "-c", 'bash "$0" && exec "$@"', str(SETUP), *again])


def _is_here(prefix: str | os.PathLike[str]) -> bool:
    """Whether this interpreter is the one of an environment."""
    return os.path.exists(prefix) and os.path.samefile(prefix, sys.prefix)
