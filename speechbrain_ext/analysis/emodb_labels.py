"""EmoDB's phone labels: `lablaut/SSTTTEvxx.lablaut`, one file an utterance, and what they say of pauses.

A file is a header that ends with a line `#`, then a line for each label: a time in seconds, a colour, the label and
its modifiers. The label may be empty. What the time means is asked of the caller, see `stretches`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from speechbrain_ext.corpora.emodb import NAME
from speechbrain_ext.corpora.manifest import CorpusFaults, Fault
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.regular_file import read_regular

FOLDER, SUFFIX = "lablaut", ".lablaut"
PAUSE = "."
TIMES = ("end", "start")
_LINE_END = re.compile("\r\n|\r|\n")
_TIME = re.compile(r"[0-9]{1,6}(\.[0-9]{1,12})?")
_COLOUR = re.compile(r"-?[0-9]{1,6}")


@dataclass(frozen=True)
class Mark:
    """One line of a label file: a time, a label ("" where there is none) and its modifiers."""

    time_s: float
    label: str
    modifiers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stretch:
    """A stretch of an utterance with one label; None where the file says nothing of it."""

    start_s: float
    end_s: float
    label: str | None


def scan_labels(root: str | Path, notes: list[str] | None = None) -> dict[str, list[Mark]]:
    """Read all label files of a copy of EmoDB.

    Arguments
    ---------
    root : str or Path
        The folder that holds `lablaut/`.
    notes : list of str or None
        Is given what is odd and no fault: files without any label, which are left out.

    Returns
    -------
    dict
        By utterance, such as "03a01Fa", in order: its marks in the order of time.

    Raises
    ------
    UserError
        There are no label files.
    CorpusFaults
        All that is wrong in them, by file and line.
    """
    root = Path(root)
    folder = root / FOLDER
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    paths = [path for path in paths if path.suffix.lower() == SUFFIX and not path.name.startswith(".")]
    if not paths:
        raise UserError(
            f"--corpus-root {root}: no label files, expected EmoDB's as {FOLDER}/SSTTTEvxx{SUFFIX}: "
            f"name a folder that holds {FOLDER}"
        )
    found: dict[str, list[Mark]] = {}
    faults: list[Fault] = []
    empty: list[str] = []
    for path in paths:
        file = path.relative_to(root).as_posix()
        name = path.stem.removesuffix("xx")
        if NAME.fullmatch(name) is None:
            faults.append(Fault(file, f"the name {path.stem}", "SSTTTEvxx, such as 03a01Faxx"))
            continue
        marks = _read(path, file, faults)
        if not marks:
            empty.append(file)
        elif found.setdefault(name, marks) != marks:
            faults.append(Fault(file, f"other labels of {name} than another file has", "one file for each utterance"))
    if faults:
        raise CorpusFaults(faults, [])
    if empty and notes is not None:
        notes.append(f"{len(empty)} label files have no label and are left out: first {empty[0]}")
    return found


def read_marks(path: str | Path) -> list[Mark]:
    """Read one label file.

    Arguments
    ---------
    path : str or Path
        The file, ISO-8859-1, with any line ends.

    Returns
    -------
    list of Mark
        In the order of time; empty where the file has a header alone.

    Raises
    ------
    CorpusFaults
        All that is wrong in it, by line.

    Example
    -------
    >>> path = getfixture("tmp_path") / "03a01Faxx.lablaut"
    >>> _ = path.write_text("signal 03a01Faxx\\nnfields 1\\n#\\n  0.08 -1 _t\\n  0.12 -1 !t\\t+asp\\n 0.14 -1 .\\n")
    >>> [mark.label for mark in read_marks(path)]
    ['_t', '!t', '.']
    """
    faults: list[Fault] = []
    marks = _read(Path(path), str(path), faults)
    if faults:
        raise CorpusFaults(faults, [])
    return marks


def _read(path: Path, file: str, faults: list[Fault]) -> list[Mark]:
    """Read a file's marks; its faults are added to those given."""
    try:
        lines = _LINE_END.split(read_regular(path).decode("iso-8859-1"))
    except OSError as fault:
        faults.append(Fault(file, f"unreadable: {fault.strerror or fault}", "a label file"))
        return []
    header = next((number for number, line in enumerate(lines) if line.strip() == "#"), None)
    if header is None:
        faults.append(Fault(f"{file} line {len(lines)}", "the end of the file", "a line # after the header"))
        return []
    marks: list[Mark] = []
    for number, line in enumerate(lines[header + 1 :], start=header + 2):
        fields = line.split()
        if not fields:
            continue
        where = f"{file} line {number}"
        if len(fields) < 2 or not _TIME.fullmatch(fields[0]) or not _COLOUR.fullmatch(fields[1]):
            faults.append(Fault(where, repr(line.strip()[:60]), "a time in seconds, a colour's number, a label"))
            continue
        mark = Mark(float(fields[0]), fields[2] if len(fields) > 2 else "", tuple(fields[3:]))
        if marks and mark.time_s <= marks[-1].time_s:
            faults.append(Fault(where, f"the time {fields[0]}", f"one after {marks[-1].time_s:g}"))
        marks.append(mark)
    return marks


def stretches(marks: Sequence[Mark], duration_s: float, times: str) -> list[Stretch]:
    """Divide an utterance by its labels, cut where the audio is cut.

    Arguments
    ---------
    marks : sequence of Mark
        Of the uncut utterance.
    duration_s : float
        Length of the audio at hand, which may be cut.
    times : str
        "end": a label ends at its time and starts where the one before ends. "start": a label starts at its time and
        ends where the next one starts, the last one with the audio.

    Returns
    -------
    list of Stretch
        From 0 to `duration_s` without gaps. What no label covers, after the last end or before the first start, has
        the label None.

    Raises
    ------
    ValueError
        `times` is neither.

    Example
    -------
    >>> marks = [Mark(0.5, "a"), Mark(0.75, ".")]
    >>> [(one.start_s, one.end_s, one.label) for one in stretches(marks, 1.0, "end")]
    [(0.0, 0.5, 'a'), (0.5, 0.75, '.'), (0.75, 1.0, None)]
    >>> [(one.start_s, one.end_s, one.label) for one in stretches(marks, 1.0, "start")]
    [(0.0, 0.5, None), (0.5, 0.75, 'a'), (0.75, 1.0, '.')]
    """
    if times not in TIMES:
        raise ValueError(f"times: expected one of {', '.join(TIMES)}, found {times!r}")
    labels: list[str | None] = [mark.label for mark in marks]
    labels = [*labels, None] if times == "end" else [None, *labels]
    edges = [0.0, *(min(mark.time_s, duration_s) for mark in marks), duration_s]
    spans = zip(edges, edges[1:], labels, strict=False)
    return [Stretch(start_s, end_s, label) for start_s, end_s, label in spans if start_s < end_s]
