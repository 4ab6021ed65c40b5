"""Atomic writes, hashes and seals of files, and a lock that dies with its process."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import socket
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.json_values import JsonValue
from speechbrain_ext.utils.regular_file import NotRegularFile, check_regular, read_regular

SEAL = "seal"


class DamagedFile(UserError):
    """A file whose content is not what was written: its hash differs, or it is cut off, empty or missing."""


@contextlib.contextmanager
def replacing(path: str | Path, mode: str = "w") -> Iterator[Any]:
    """Write a file atomically: a temporary file takes the name of `path` once everything is written.

    Arguments
    ---------
    path : str or Path
        The file to write; its folder is made.
    mode : str
        "w" for text in UTF-8, "wb" for bytes.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> with replacing(folder / "a.txt") as stream:
    ...     _ = stream.write("all of it")
    >>> (folder / "a.txt").read_text()
    'all of it'
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        encoding, newline = (None, None) if "b" in mode else ("utf-8", "\n")
        with os.fdopen(handle, mode, encoding=encoding, newline=newline) as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def write_text(path: str | Path, text: str) -> None:
    """Write a text file atomically."""
    with replacing(path) as stream:
        stream.write(text)


def write_json(path: str | Path, value: Any) -> None:
    """Write a value as indented JSON, atomically."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: str | Path, made_by: str) -> Any:
    """Read a JSON file that an earlier stage wrote.

    Arguments
    ---------
    path : str or Path
        The file.
    made_by : str
        The command that makes it, for the error message.

    Raises
    ------
    UserError
        The file is missing or is not JSON.
    """
    path = Path(path)
    try:
        return _load_json(path, made_by)
    except (ValueError, RecursionError) as fault:
        raise UserError(f"{path}: not JSON ({fault}): delete it and make it again with: {made_by}") from None


def write_sealed(path: str | Path, record: Mapping[str, JsonValue]) -> None:
    """Write a JSON object with the SHA-256 of its content under the key `seal`.

    Example
    -------
    >>> path = getfixture("tmp_path") / "done.json"
    >>> write_sealed(path, {"epochs": 3})
    >>> read_sealed(path, "./run.sh --stage 2")
    {'epochs': 3}
    """
    # Through JSON first, so that what is hashed is what a reader will find (tuples become lists).
    content = json.loads(json.dumps(record, ensure_ascii=False, allow_nan=False))
    write_json(path, {**content, SEAL: sha256_json(content)})


def read_sealed(path: str | Path, made_by: str) -> dict[str, Any]:
    """Read a JSON object that `write_sealed` wrote, without its seal.

    Arguments
    ---------
    path : str or Path
        The file.
    made_by : str
        The command that makes it, for the error message.

    Raises
    ------
    DamagedFile
        The file is not JSON, has no seal, or its content is not what was sealed.
    UserError
        The file is missing.
    """
    path = Path(path)
    try:
        record = _load_json(path, made_by)
        if not isinstance(record, dict) or SEAL not in record:
            raise DamagedFile(f"{path}: damaged, expected an object with the key {SEAL}: make it again with: {made_by}")
        # Half a character, which JSON can write, has no bytes to hash: that is a ValueError too.
        is_intact = record.pop(SEAL) == sha256_json(record)
    except (ValueError, RecursionError) as fault:
        raise DamagedFile(f"{path}: damaged, not JSON ({fault}): make it again with: {made_by}") from None
    if not is_intact:
        raise DamagedFile(
            f"{path}: damaged or edited, its content has another SHA-256 than when it was written: "
            f"make it again with: {made_by}"
        )
    return record


def read_checked(path: str | Path, sha256: str, made_by: str) -> bytes:
    """Read a file whose bytes must be those that were written.

    Arguments
    ---------
    path : str or Path
        The file.
    sha256 : str
        Its hash when it was written.
    made_by : str
        The command that makes it, for the error message.

    Raises
    ------
    DamagedFile
        The file is missing, or its hash differs.
    """
    with _damage_named(path, made_by):
        data = read_regular(path)
    _refuse_other_hash(path, sha256_bytes(data), sha256, len(data), made_by)
    return data


def check_sha256(path: str | Path, sha256: str, made_by: str) -> None:
    """Refuse a file whose bytes are not those that were written; arguments and errors are those of `read_checked`."""
    with _damage_named(path, made_by):
        size, found = check_regular(path).st_size, sha256_file(path)
    _refuse_other_hash(path, found, sha256, size, made_by)


def check_files(where: str | Path, files: Any, made_by: str) -> None:
    """Check the files in the folder of a record, or below, against the SHA-256 that it holds of them by name.

    Raises
    ------
    DamagedFile
        There are no such hashes, a name leads out of the folder, or a file is not what was written.
    """
    if not isinstance(files, Mapping) or not all(isinstance(value, str) for value in files.values()):
        raise DamagedFile(f"{where}: damaged, expected hashes of files: make it again with: {made_by}")
    for name, sha256 in files.items():
        if Path(name).is_absolute() or ".." in Path(name).parts or "\0" in name or not Path(name).parts:
            raise DamagedFile(
                f"{where}: damaged or edited, expected names of files in its folder, found {name[:80]!r}: "
                f"make it again with: {made_by}"
            )
        check_sha256(Path(where).parent / name, sha256, made_by)


def _load_json(path: str | Path, made_by: str) -> Any:
    """Read the JSON of a file that must be there; ValueError or RecursionError where it is not JSON."""
    try:
        return json.loads(read_regular(path).decode("utf-8"))
    except FileNotFoundError:
        raise UserError(f"missing {path}: make it with: {made_by}") from None
    except NotRegularFile as fault:
        raise _irregular(path, fault, made_by) from None


@contextlib.contextmanager
def _damage_named(path: str | Path, made_by: str) -> Iterator[None]:
    """Raise DamagedFile where a file is missing, or something else has its name."""
    try:
        yield
    except NotRegularFile as fault:
        raise _irregular(path, fault, made_by) from None
    except FileNotFoundError:
        raise DamagedFile(f"{path}: missing: make it again with: {made_by}") from None


def _irregular(path: str | Path, fault: NotRegularFile, made_by: str) -> DamagedFile:
    return DamagedFile(f"{path}: {fault.strerror}: remove it and make it again with: {made_by}")


def _refuse_other_hash(path: str | Path, found: str, written: str, size: int, made_by: str) -> None:
    if found != written:
        raise DamagedFile(
            f"{path}: damaged or edited, its {size} bytes have another SHA-256 than when it was written: "
            f"make it again with: {made_by}"
        )


def sha256_bytes(data: bytes) -> str:
    """SHA-256 of bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: str | Path) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def sha256_json(value: Any) -> str:
    """SHA-256 of a value's canonical JSON: sorted keys, no spaces."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256_bytes(text.encode("utf-8"))


@contextlib.contextmanager
def folder_lock(folder: str | Path, wait: bool = False) -> Iterator[None]:
    """Hold a folder for this process alone; the kernel lets go when the process ends.

    Arguments
    ---------
    folder : str or Path
        The folder to hold; it is made.
    wait : bool
        Wait for the holder to end instead of refusing.

    Raises
    ------
    UserError
        Another process holds the folder; its host and process number are named.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with _open_lock(folder / ".lock") as stream:
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not wait:
                    stream.seek(0)
                    holder = stream.read().strip() or "another process"
                    raise UserError(
                        f"{folder} is in use by {holder}: "
                        "wait for it (--wait), stop it, or choose another --tag or --exp"
                    ) from None
                time.sleep(0.5)
        stream.seek(0)
        stream.truncate()
        stream.write(f"process {os.getpid()} on {socket.gethostname()} since {time.strftime('%Y-%m-%d %H:%M:%S')}")
        stream.flush()
        yield


def _open_lock(path: Path) -> TextIO:
    """Open the file of a lock to read and write; never what a link or another kind of file in its place leads to."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
        if stat.S_ISREG(os.fstat(handle).st_mode):
            return os.fdopen(handle, "r+", encoding="utf-8")
        os.close(handle)
    except OSError as fault:
        if fault.errno not in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise
    raise UserError(f"{path}: expected a regular file, found a link or another kind: remove it")
