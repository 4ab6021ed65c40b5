"""A CSV file as rows of named cells: any usual separator, faults by file and line."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from speechbrain_ext.corpora.manifest import Fault
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.nearest import nearest
from speechbrain_ext.utils.regular_file import read_regular

SEPARATORS = (",", ";", "\t")
# as pandas writes a length of time, and audformat with it: "0 days 00:00:01.500000", "0 days"
TIMEDELTA = re.compile(
    r"(?=.)(?:(?P<days>\d{1,6}) days?)?,?(?: ?(?P<hours>\d{1,6}):(?P<minutes>\d{1,2}):(?P<seconds>\d{1,2}(?:\.\d*)?))?"
)


@dataclass(frozen=True)
class Row:
    """A line of a table: where it stands, and its cells by column, without spaces around them."""

    where: str
    cells: Mapping[str, str]


@dataclass(frozen=True)
class TableFile:
    """A table as it is read: columns, correct rows, and the faults of the others."""

    columns: tuple[str, ...]
    rows: list[Row]
    faults: list[Fault]
    decimal_comma: bool


def read_table_file(
    path: str | Path, known: Sequence[str], required: Sequence[str], aliases: Mapping[str, str] | None = None
) -> TableFile:
    """Read a table whose first line names its columns.

    Arguments
    ---------
    path : str or Path
        UTF-8, with or without a byte order mark; separated by comma, semicolon or tab, which is found out.
    known : sequence of str
        Columns that mean something, the required ones first.
    required : sequence of str
        Those of them that must be there.
    aliases : mapping or None
        Other names of known columns.

    Returns
    -------
    TableFile
        Rows without any cell are passed by.

    Raises
    ------
    UserError
        The file cannot be read as a table, or lacks a column.
    """
    path = Path(path)
    text = _text(path, required)
    separator = _separator(text, {*known, *(aliases or {})})
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    columns: tuple[str, ...] = ()
    rows, faults, line = [], [], 1
    try:
        for values in reader:
            where, line = f"{path.name} line {line}", reader.line_num + 1
            cells = [value.strip() for value in values]
            if not any(cells):
                continue
            if not columns:
                columns = _columns(path, where, cells, known, required, aliases or {})
            elif len(cells) != len(columns):
                faults.append(Fault(where, f"{len(cells)} cells", f"{len(columns)}, as the first line has"))
            elif strange := next((cell for cell in cells if not cell.isprintable()), None):
                faults.append(Fault(where, f"{strange[:40]!r}", "a cell of printable characters"))
            else:
                rows.append(Row(where, dict(zip(columns, cells, strict=True))))
    except csv.Error as fault:
        raise UserError(f"{path} line {max(line, reader.line_num)}: not CSV ({fault}): mend this line") from None
    if not columns:
        raise UserError(f"{path}: empty, expected a first line such as {separator.join(required)}: write it")
    return TableFile(columns, rows, faults, decimal_comma=separator != ",")


def read_seconds(text: str, decimal_comma: bool = False) -> float:
    """Read a time: a number of seconds, or days, hours, minutes and seconds as pandas writes them.

    Raises
    ------
    ValueError
        The text is no time.

    Example
    -------
    >>> read_seconds("1.5"), read_seconds("0 days 00:01:01.500000")
    (1.5, 61.5)
    """
    match = TIMEDELTA.fullmatch(text)
    if match is None:
        return read_number(text, decimal_comma)
    hours = 24 * int(match["days"] or 0) + int(match["hours"] or 0)
    return round(3600.0 * hours + 60.0 * int(match["minutes"] or 0) + float(match["seconds"] or 0), 9)


def read_number(text: str, decimal_comma: bool = False) -> float:
    """Read a finite number; a decimal comma is one where commas separate no cells."""
    number = float(text.replace(",", ".") if decimal_comma else text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not finite")
    return number


def _text(path: Path, required: Sequence[str]) -> str:
    try:
        data = read_regular(path)
    except OSError as fault:
        raise UserError(
            f"{path}: cannot be read ({fault.strerror}), expected a CSV with columns {','.join(required)}: name it"
        ) from None
    except ValueError:
        raise UserError(f"{str(path)!r}: not a file's name: name a CSV with columns {','.join(required)}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = data.count(b"\n", 0, fault.start) + 1
        raise UserError(f"{path} line {line}: not UTF-8: save it as CSV in UTF-8") from None


def _separator(text: str, names: set[str]) -> str:
    """The separator that gives the first line most known names."""
    first = next((line for line in re.split(r"\r\n|\r|\n", text) if line.strip()), "")

    def count(separator: str) -> int:
        return sum(name.strip().strip('"').strip().lower() in names for name in first.split(separator))

    return max(SEPARATORS, key=count)


def _columns(
    path: Path,
    where: str,
    cells: Sequence[str],
    known: Sequence[str],
    required: Sequence[str],
    aliases: Mapping[str, str],
) -> tuple[str, ...]:
    columns = tuple(aliases.get(cell.lower(), cell.lower()) for cell in cells)
    where = f"{path.parent / where}"
    repeated = next((name for name in columns if name in known and columns.count(name) > 1), None)
    if repeated is not None:
        raise UserError(f"{where}: the column {repeated} stands twice: leave one out")
    missing = [name for name in required if name not in columns]
    if missing:
        near = nearest(missing[0], [name for name in columns if name not in known])
        hint = f"; is it {near!r}?" if near else ""
        raise UserError(
            f"{where}: no column {' and '.join(missing)}, found {','.join(columns)[:200]!r}{hint}: name the columns in "
            f"the first line, {','.join(required)} and any of {','.join(known[len(required) :])}"
        )
    return columns
