"""Run specifications read from files: each value is checked, and trust is never read from an experiment's folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from speechbrain_ext.training.run_spec import RunSpec
from speechbrain_ext.utils.errors import UserError

KINDS = {"str": str, "int": int, "bool": bool}
REMAKE = "./run.sh --stage 2 --stop-stage 2"


def read_spec(kept: Any, where: str, trust: bool = False) -> RunSpec:
    """Make the run specification that a file keeps.

    Arguments
    ---------
    kept : dict
        The file's content; keys that a specification does not have are left aside.
    where : str
        The file, for messages.
    trust : bool
        Whether the user trusts YAML from elsewhere; what the file says about it does not count.

    Raises
    ------
    UserError
        A value is missing or of another kind than stage 2 writes.
    """
    if not isinstance(kept, Mapping):
        raise UserError(f"{where}: expected the settings that stage 2 writes, found another: train it with: {REMAKE}")
    values: dict[str, Any] = {}
    for item in fields(RunSpec):
        if item.name not in kept or item.name == "trust":
            continue
        value = kept[item.name]
        if item.name in ("overrides", "phase_epochs"):
            is_right = isinstance(value, (list, tuple)) and all(isinstance(word, str) for word in value)
            value = tuple(value) if is_right else value
        else:
            is_right = type(value) is KINDS[str(item.type)]
        if not is_right:
            raise UserError(
                f"{where}: {item.name}: expected what stage 2 writes, found {str(value)[:80]!r}: "
                f"train it with: {REMAKE}"
            )
        values[item.name] = value
    try:
        return RunSpec(**values, trust=trust)
    except TypeError as fault:
        raise UserError(f"{where}: expected what stage 2 writes, {fault}: train it with: {REMAKE}") from None
