"""Types of what a JSON file holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Union

# An alias that names itself cannot be written with "|" before Python 3.12.
JsonValue = Union[None, bool, int, float, str, Sequence["JsonValue"], Mapping[str, "JsonValue"]]  # noqa: UP007
JsonObject = dict[str, JsonValue]
