"""Who speaks, for files that do not state it: read from the names of a corpus, or from a CSV."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from speechbrain_ext.corpora.table import GENDER_OF
from speechbrain_ext.corpora.table_file import read_table_file
from speechbrain_ext.utils.errors import UserError

EMODB = re.compile(r"(?P<speaker>[0-9]{2})(?P<text>[a-z][0-9]{2})[A-Z][a-z]?")
EMODB_MEN = ("03", "10", "11", "12", "15")
SPEAKER_COLUMNS = ("key", "speaker", "gender", "session", "text")

Facts = dict[str, str | None]  # speaker, gender, session, text_id


def facts_by_name(dataset: str, name: str) -> Facts | None:
    """Read who speaks from an utterance's name.

    Arguments
    ---------
    dataset : str
        A corpus's key: "iemocap", "emodb", "mspimprov".
    name : str
        The utterance's id in that corpus.

    Returns
    -------
    dict or None
        "speaker", "gender", "session", "text_id"; None where the corpus or the name is not known.

    Example
    -------
    >>> facts_by_name("iemocap", "Ses03M_impro05a_F012")["speaker"]
    'Ses03F'
    """
    rule = {"iemocap": _iemocap, "emodb": _emodb, "mspimprov": _msp_improv}.get(dataset)
    return None if rule is None else rule(name)


def read_speakers(path: str | Path) -> dict[str, Facts]:
    """Read a CSV `key,speaker[,gender,session,text]`: by key, who speaks.

    Raises
    ------
    UserError
        The file is no such CSV, or a line of it is wrong.
    """
    table = read_table_file(path, SPEAKER_COLUMNS, ("key", "speaker"))
    found: dict[str, Facts] = {}
    for fault in table.faults:
        raise UserError(f"{path}: {fault.file}: found {fault.found}, expected {fault.expected}: mend this line")
    for row in table.rows:
        gender = row.cells.get("gender", "").lower()
        if not row.cells["key"] or not row.cells["speaker"] or (gender and gender not in GENDER_OF):
            raise UserError(f"{path}: {row.where}: expected a key, a speaker, and F, M or no gender: mend this line")
        found[row.cells["key"]] = {
            "speaker": row.cells["speaker"],
            "gender": GENDER_OF.get(gender),
            "session": row.cells.get("session") or None,
            "text_id": row.cells.get("text") or None,
        }
    return found


def _iemocap(name: str) -> Facts | None:
    """The letter of the last field speaks; that of the first wore the markers."""
    dialog, *text, last = name.split("_") if name.count("_") >= 2 else ("", "")
    match = re.fullmatch(r"Ses(?P<session>[0-9]{2})[FM]", dialog)
    if match is None or last[:1] not in ("F", "M"):
        return None
    return {
        "speaker": f"Ses{match['session']}{last[0]}",
        "gender": last[0],
        "session": str(int(match["session"])),
        "text_id": re.sub(r"(?<=[0-9])[a-z]$", "", "_".join(text)),
    }


def _emodb(name: str) -> Facts | None:
    match = EMODB.fullmatch(name)
    if match is None:
        return None
    gender = "M" if match["speaker"] in EMODB_MEN else "F"
    return {"speaker": match["speaker"], "gender": gender, "session": None, "text_id": match["text"]}


def _msp_improv(name: str) -> Facts | None:
    match = re.fullmatch(r"MSP-IMPROV-(S[0-9]{2})[AHSN]-(([FM])0?([0-9]+))-[PRST]-.+", name)
    if match is None:
        return None
    text, speaker, gender, session = match.groups()
    return {"speaker": speaker, "gender": gender, "session": session, "text_id": text}


def tell_missing(names: Mapping[str, object], where: str) -> UserError:
    """The error for utterances of which nobody knows who speaks."""
    first = next(iter(names))
    return UserError(
        f"{where}: no speaker is known for {len(names)} utterances, first {first}: these files have none: "
        "write a CSV key,speaker[,gender,session,text] and name it with --speakers FILE"
    )
