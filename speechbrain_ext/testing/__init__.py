"""Mini corpora: synthetic speech in the layouts of the real corpora, a module with `write_corpus` for each."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from speechbrain_ext.utils.registry import find_defined


class Writer(Protocol):
    """Writes a mini corpus to a folder that is not there yet; the same seed gives the same bytes."""

    def __call__(self, root: str | Path, seed: int = 0, progress: bool = False) -> None: ...


def find_writers() -> dict[str, Writer]:
    """Collect the writers of all modules of this package, by the key of the corpus: the module's name without `_`."""
    return {name.replace("_", ""): write for name, write in find_defined(__name__, __path__, "write_corpus").items()}
