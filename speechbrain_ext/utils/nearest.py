"""The most similar known word to one that is not known, for messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Find the known word that is most similar to `word`, whatever its case; None where none is similar.

    Example
    -------
    >>> nearest("emodb", ["EmoDB", "IEMOCAP"]), nearest("x", ["EmoDB"])
    ('EmoDB', None)
    """
    by_folded = {name.casefold(): name for name in known}
    found = difflib.get_close_matches(word[:80].casefold(), by_folded, n=1, cutoff=cutoff)
    return by_folded[found[0]] if found else None


def suggestion(word: str, known: Iterable[str], what: str) -> str:
    """Write "did you mean ...?" with the nearest known word, or all known words where none is similar.

    Example
    -------
    >>> suggestion("lrr", ["lr"], "keys"), suggestion("x", ["epochs", "lr"], "keys")
    ('did you mean lr?', 'keys: epochs, lr')
    """
    names = list(known)
    near = nearest(word, names)
    return f"did you mean {near}?" if near else f"{what}: {', '.join(names) or 'none'}"
