"""Formats of figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from speechbrain_ext.utils.errors import UsageError

PICTURES = (".png", ".pdf")


def check_pictures(paths: Sequence[Path], known: Sequence[str] = PICTURES) -> None:
    """Refuse names of figures that do not end with a known format.

    Raises
    ------
    UsageError
        The first such name.
    """
    for path in paths:
        if path.suffix.lower() not in known:
            raise UsageError(f"--out {path}: expected a name that ends with {', '.join(known)}: choose another")
