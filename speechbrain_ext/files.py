"""Atomic writes, hashes and seals of files, and a lock that dies with its process."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from speechbrain_ext.errors import UserError

SEAL = "seal"


class DamagedFile(UserError):
    """A file whose content is not what was written: its hash differs, or it is cut off, empty or missing."""


@contextlib.contextmanager
def replacing(path: str | Path, mode: str = "w") -> Iterator[Any]:
    """Open a temporary file beside `path` that takes its name once all is written.

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
    ...     _ = stream.write("whole")
    >>> (folder / "a.txt").read_text()
    'whole'
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    try:
        with os.fdopen(handle, mode, **text) as stream:
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
    """Write text as a whole file or not at all."""
    with replacing(path) as stream:
        stream.write(text)


def write_json(path: str | Path, value: Any) -> None:
    """Write a value as indented JSON, as a whole file or not at all."""
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
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"missing {path}: make it with: {made_by}") from None
    except (ValueError, UnicodeDecodeError) as fault:
        raise UserError(f"{path}: not JSON ({fault}): delete it and make it again with: {made_by}") from None


def write_sealed(path: str | Path, record: Mapping[str, Any]) -> None:
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
        record = json.loads(path.read_bytes().decode("utf-8"))
    except FileNotFoundError:
        raise UserError(f"missing {path}: make it with: {made_by}") from None
    except ValueError as fault:
        raise DamagedFile(f"{path}: damaged, not JSON ({fault}): make it again with: {made_by}") from None
    if not isinstance(record, dict) or SEAL not in record:
        raise DamagedFile(f"{path}: damaged, expected an object with the key {SEAL}: make it again with: {made_by}")
    seal = record.pop(SEAL)
    if seal != sha256_json(record):
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
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise DamagedFile(f"{path}: missing: make it again with: {made_by}") from None
    _refuse_other_hash(path, sha256_bytes(data), sha256, len(data), made_by)
    return data


def check_sha256(path: str | Path, sha256: str, made_by: str) -> None:
    """Refuse a file whose bytes are not those that were written; arguments and errors are those of `read_checked`."""
    try:
        found, size = sha256_file(path), Path(path).stat().st_size
    except FileNotFoundError:
        raise DamagedFile(f"{path}: missing: make it again with: {made_by}") from None
    _refuse_other_hash(path, found, sha256, size, made_by)


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
    with open(folder / ".lock", "a+", encoding="utf-8") as stream:
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
