"""Regular files only: a FIFO, a device or a socket is refused without being opened, for reading one may never end."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

KINDS = (
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISDIR, "a folder"),
)


class NotRegularFile(OSError):
    """Something under a file's name that is not a regular file; `kind` says what it is."""

    def __init__(self, kind: str, path: str | Path) -> None:
        super().__init__(errno.EINVAL, f"{kind}, expected a regular file", str(path))
        self.kind = kind


def check_regular(path: str | Path) -> os.stat_result:
    """Refuse what is not a regular file, links resolved.

    Arguments
    ---------
    path : str or Path
        The file.

    Returns
    -------
    os.stat_result
        Its size and times.

    Raises
    ------
    NotRegularFile
        The name is that of a FIFO, a device, a socket or a folder.
    OSError
        The file is missing or out of reach.

    Example
    -------
    >>> path = getfixture("tmp_path") / "a.txt"
    >>> _ = path.write_text("abc")
    >>> check_regular(path).st_size
    3
    """
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode):
        kind = next((name for is_kind, name in KINDS if is_kind(found.st_mode)), "a special file")
        raise NotRegularFile(kind, path)
    return found


def read_regular(path: str | Path) -> bytes:
    """Read the bytes of a regular file.

    Raises
    ------
    NotRegularFile
        The name is that of a FIFO, a device, a socket or a folder.
    OSError
        The file is missing or cannot be read.
    """
    check_regular(path)
    return Path(path).read_bytes()
