"""The corpora by name: each module of this package that defines `CORPUS`, from files on disk to utterances."""

from __future__ import annotations

from speechbrain_ext.corpora.corpus import Corpus, Expected, Subset
from speechbrain_ext.utils.errors import UsageError
from speechbrain_ext.utils.nearest import nearest
from speechbrain_ext.utils.registry import find_defined

__all__ = ["CORPORA", "Corpus", "Expected", "Subset", "find_corpora", "get_corpus"]


def find_corpora() -> dict[str, Corpus]:
    """Collect the corpora of all modules of this package, by key."""
    return {corpus.key: corpus for corpus in find_defined(__name__, __path__, "CORPUS").values()}


CORPORA = find_corpora()


def get_corpus(name: str) -> Corpus:
    """Find a corpus by its name or key, whatever the case.

    Arguments
    ---------
    name : str
        As "EmoDB" or "emodb".

    Returns
    -------
    Corpus

    Raises
    ------
    UserError
        No corpus has that name; the message gives the nearest.

    Example
    -------
    >>> get_corpus("EMODB").name
    'EmoDB'
    """
    by_name = {corpus.name.lower(): corpus for corpus in CORPORA.values()} | CORPORA
    if (corpus := by_name.get(name.lower())) is not None:
        return corpus
    known = ", ".join(corpus.name for corpus in CORPORA.values())
    near = nearest(name, [corpus.name for corpus in CORPORA.values()])
    hint = f"did you mean {near}?" if near else "choose one of these"
    raise UsageError(f"--corpus {name}: expected one of {known}: {hint}")
