"""The corpora by name: one module each, from files on disk to utterances."""

from __future__ import annotations

from speechbrain_ext.corpora import emodb, iemocap, msp_improv
from speechbrain_ext.corpora.corpus import Corpus, Expected, Subset
from speechbrain_ext.utils.errors import UsageError
from speechbrain_ext.utils.nearest import nearest

__all__ = ["CORPORA", "Corpus", "Expected", "Subset", "get_corpus"]

CORPORA: dict[str, Corpus] = {corpus.key: corpus for corpus in (iemocap.CORPUS, emodb.CORPUS, msp_improv.CORPUS)}


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
        No corpus has that name; the nearest is told.

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
