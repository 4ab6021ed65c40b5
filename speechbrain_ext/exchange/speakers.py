"""Speakers of files that do not name them, read from the names of a corpus or from a CSV."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from speechbrain_ext.corpora.table import GENDER_OF
from speechbrain_ext.corpora.table_file import read_table_file
from speechbrain_ext.utils.errors import UserError

EMODB = re.compile(r"(?P<speaker>[0-9]{2})(?P<text>[a-z][0-9]{2})[A-Z][a-z]?")
EMODB_MEN = ("03", "10", "11", "12", "15")
SPEAKER_COLUMNS = ("key", "speaker", "gender", "session", "text")


@dataclass(frozen=True)
class Spoken:
    """Speaker, session and text of an utterance."""

    speaker: str
    gender: str | None
    session: str | None
    text_id: str | None


def spoken_by_name(dataset: str, name: str) -> Spoken | None:
    """Read speaker, session and text from an utterance's name.

    Arguments
    ---------
    dataset : str
        A corpus's key: "iemocap", "emodb", "mspimprov".
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
    rule = {"iemocap": _iemocap, "emodb": _emodb, "mspimprov": _msp_improv}.get(dataset)
    return None if rule is None else rule(name)


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


def _iemocap(name: str) -> Spoken | None:
    """The letter of the last field speaks; that of the first wore the markers."""
    dialog, *text, last = name.split("_") if name.count("_") >= 2 else ("", "")
    match = re.fullmatch(r"Ses(?P<session>[0-9]{2})[FM]", dialog)
    if match is None or last[:1] not in ("F", "M"):
        return None
    return Spoken(
        speaker=f"Ses{match['session']}{last[0]}",
        gender=last[0],
        session=str(int(match["session"])),
        text_id=re.sub(r"(?<=[0-9])[a-z]$", "", "_".join(text)),
    )


def _emodb(name: str) -> Spoken | None:
    match = EMODB.fullmatch(name)
    if match is None:
        return None
    gender = "M" if match["speaker"] in EMODB_MEN else "F"
    return Spoken(match["speaker"], gender, None, match["text"])


def _msp_improv(name: str) -> Spoken | None:
    match = re.fullmatch(r"MSP-IMPROV-(S[0-9]{2})[AHSN]-(([FM])0?([0-9]+))-[PRST]-.+", name)
    if match is None:
        return None
    text, speaker, gender, session = match.groups()
    return Spoken(speaker, gender, session, text)


def missing_speakers(names: Collection[str], where: str) -> UserError:
    """The error for utterances without a known speaker."""
    first = next(iter(names))
    return UserError(
        f"{where}: no speaker is known for {len(names)} utterances, first {first}: these files have none: "
        "write a CSV key,speaker[,gender,session,text] and name it with --speakers FILE"
    )
