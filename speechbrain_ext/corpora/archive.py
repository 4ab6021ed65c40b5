"""Unpacking a zip archive from elsewhere: bounded, inside its folder, regular files only."""

from __future__ import annotations

import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

MAX_MEMBERS = 100_000
ENCRYPTED = 0x1


class UnsafeArchive(Exception):
    """Why an archive is not unpacked, in words."""


def unpack(archive: Path, folder: Path, max_bytes: int, max_members: int = MAX_MEMBERS) -> None:
    """Unpack an archive whose members are all checked first.

    Arguments
    ---------
    archive : Path
        The zip file.
    folder : Path
        Where to unpack; nothing is written outside.
    max_bytes : int
        The most that all members together may hold. A member cannot hold more than it declares.
    max_members : int
        The most members.

    Raises
    ------
    UnsafeArchive
        The archive is damaged, encrypted or too large, or a member is not a plain file or folder below the archive's
        root.
    OSError
        The folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(archive) as stream:
            _check(stream.infolist(), max_bytes, max_members)
            stream.extractall(folder)
    except zipfile.BadZipFile as fault:
        raise UnsafeArchive(f"not a zip archive, or a damaged one ({fault})") from None
    except (zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as fault:
        raise UnsafeArchive(f"a zip archive that cannot be unpacked ({fault})") from None


def _check(members: list[zipfile.ZipInfo], max_bytes: int, max_members: int) -> None:
    if not members:
        raise UnsafeArchive("a zip archive without a member")
    if len(members) > max_members:
        raise UnsafeArchive(f"{len(members)} members, expected {max_members} at most")
    total = sum(member.file_size for member in members)
    if total > max_bytes:
        raise UnsafeArchive(f"{total} bytes when unpacked, expected {max_bytes} at most")
    names = set()
    for member in members:
        name = member.filename
        if member.flag_bits & ENCRYPTED:
            raise UnsafeArchive(f"the encrypted member {name[:80]!r}")
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in name or not name.isprintable():
            raise UnsafeArchive(f"the member {name[:80]!r}, which leads outside the archive")
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise UnsafeArchive(f"the member {name[:80]!r}, which is not a regular file")
        if path in names:
            raise UnsafeArchive(f"two members {name[:80]!r}")
        names.add(path)
