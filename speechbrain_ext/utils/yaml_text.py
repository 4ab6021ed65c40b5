"""Parts of a YAML text by its indentation, with their comments, and before any package is there."""

from __future__ import annotations

import re

KEY = re.compile(r"^(?P<key>[A-Za-z_][\w-]*):", re.MULTILINE)


def block(text: str, key: str) -> str:
    """The text below a key, without its indentation; "" where the key is not there.

    Example
    -------
    >>> block("a: 1\\npresets:\\n    lr: 2 # why\\nb: 3\\n", "presets")
    'lr: 2 # why'
    """
    found = re.search(rf"^{re.escape(key)}:.*\n((?:[ \t]+.*\n?|\s*\n)*)", text + "\n", re.MULTILINE)
    rows = [row for row in found[1].splitlines() if row.strip()] if found else []
    indent = min((len(row) - len(row.lstrip()) for row in rows), default=0)
    return "\n".join(row[indent:] for row in rows)


def keys_below(text: str, key: str) -> list[str] | None:
    """The keys in the block below a key; None where its value stands on the same line, which is not read here.

    Example
    -------
    >>> keys_below("presets:   # of the code\\n    official:\\n        lr: 2\\n", "presets")
    ['official']
    >>> keys_below("presets: {official: {lr: 2}}", "presets")
    """
    if re.search(rf"^{re.escape(key)}:[ \t]*[^\s#]", text, re.MULTILINE):
        return None
    return KEY.findall(block(text, key))
