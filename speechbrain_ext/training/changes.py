"""The values that differ between the recorded inputs of a run and those asked for now."""

from __future__ import annotations

import json
from typing import Any


def changed_values(found: Any, wanted: Any, where: str = "") -> list[str]:
    """List the values that differ between two records, each with its key, the recorded and the wanted value.

    A hash is listed by its key alone, and not at all where the values behind it are listed.

    Example
    -------
    >>> changed_values({"lr": 0.1, "a_sha256": "x"}, {"lr": 0.2, "a_sha256": "y"})
    ['a', 'lr was 0.1, now 0.2']
    """
    if isinstance(found, dict) and isinstance(wanted, dict):
        listed = []
        for key in sorted(found.keys() | wanted.keys()):
            place = key if where in ("", "hparams", "keys") else f"{where}.{key}"
            if key not in found or key not in wanted:
                one, two = (_short(record[key]) if key in record else "absent" for record in (found, wanted))
                listed.append(f"{place} was {one}, now {two}")
            else:
                listed += changed_values(found[key], wanted[key], place)
        return [text for text in listed if text != "hparams"] if len(listed) > 1 else listed
    if found == wanted:
        return []
    if where.endswith("_sha256"):
        return [where.removesuffix("_sha256")]
    return [f"{where} was {_short(found)}, now {_short(wanted)}"]


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
