"""Speakers of files that do not name them, read from the names of a corpus or from a CSV."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from speechbrain_ext.corpora import CORPORA
from speechbrain_ext.corpora.corpus import Spoken
from speechbrain_ext.corpora.table import GENDER_OF
from speechbrain_ext.corpora.table_file import read_table_file
from speechbrain_ext.utils.errors import UserError

SPEAKER_COLUMNS = ("key", "speaker", "gender", "session", "text")


def spoken_by_name(dataset: str, name: str) -> Spoken | None:
    """Read speaker, session and text from an utterance's name.

    Arguments
    ---------
    dataset : str
        A corpus's key, such as "iemocap".
    name : str
        The utterance's id in that corpus.

    Returns
    -------
    Spoken or None
        None where the corpus or the name is not known.

    Example
    -------
    >>> spoken_by_name("iemocap", "Ses03M_impro05a_F012").speaker
    'Ses03F'
    """
    corpus = CORPORA.get(dataset)
    return None if corpus is None or corpus.spoken_of is None else corpus.spoken_of(name)


def read_speakers(path: str | Path) -> dict[str, Spoken]:
    """Read a CSV `key,speaker[,gender,session,text]`, by key.

    Raises
    ------
    UserError
        The file is no such CSV, or a line of it is wrong.
    """
    table = read_table_file(path, SPEAKER_COLUMNS, ("key", "speaker"))
    found: dict[str, Spoken] = {}
    for fault in table.faults:
        raise UserError(f"{path}: {fault.file}: found {fault.found}, expected {fault.expected}: mend this line")
    for row in table.rows:
        gender = row.cells.get("gender", "").lower()
        if not row.cells["key"] or not row.cells["speaker"] or (gender and gender not in GENDER_OF):
            raise UserError(f"{path}: {row.where}: expected a key, a speaker, and F, M or no gender: mend this line")
        session, text = (row.cells.get(column) or None for column in ("session", "text"))
        found[row.cells["key"]] = Spoken(row.cells["speaker"], GENDER_OF.get(gender), session, text)
    return found


def missing_speakers(names: Collection[str], where: str) -> UserError:
    """The error for utterances without a known speaker."""
    first = next(iter(names))
    return UserError(
        f"{where}: no speaker is known for {len(names)} utterances, first {first}: these files have none: "
        "write a CSV key,speaker[,gender,session,text] and name it with --speakers FILE"
    )
