"""Shards of the feature cache: a file of float32 values and an index written after it.

A shard belongs to the process that writes it. Its values are appended and synced first, then
its index takes its name; so an index never speaks of values that are not there, and values
without an index do not count. The writer holds a lock on its values, which the kernel lets go
when the process ends: a shard without an index and without a holder is a dead run's remains.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import time
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import write_text
from speechbrain_ext.utils.regular_file import check_regular, read_regular

FLUSH_ENTRIES = 200
FLUSH_S = 20.0


@dataclass(frozen=True)
class Entry:
    """Where the frames of one key lie: offset in bytes, frames and dimensions, CRC-32 of the bytes."""

    key: str
    offset: int
    shape: tuple[int, int]
    crc32: str


def checksum(data: memoryview | bytes | np.ndarray) -> str:
    """CRC-32 of bytes, as 8 hexadecimal digits.

    Example
    -------
    >>> checksum(b"123456789")
    'cbf43926'
    """
    buffer: Any = data
    return f"{zlib.crc32(buffer):08x}"


def data_path(folder: Path, shard: str) -> Path:
    """File of a shard's values."""
    return folder / f"data-{shard}.f32"


def index_path(folder: Path, shard: str) -> Path:
    """File of a shard's index."""
    return folder / f"index-{shard}.jsonl"


def read_index(path: Path, dim: int) -> list[Entry]:
    """Read the entries of an index; a line that is damaged is left out, so its key is missing."""
    entries = []
    for line in read_regular(path).splitlines():
        with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
            record = json.loads(line)
            offset, (frames, width) = record["offset"], record["shape"]
            if type(offset) is type(frames) is int and offset >= 0 and offset % 4 == 0 and frames > 0 and width == dim:
                entries.append(Entry(str(record["key"]), offset, (frames, dim), str(record["crc32"])))
    return entries


class ShardWriter:
    """Append utterances to a new shard of a folder; a context manager.

    Arguments
    ---------
    folder : Path
        The cache's folder; it is made.

    Raises
    ------
    UserError
        The folder cannot be written, or the disk is full.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._entries: list[Entry] = []
        self._flushed_entries = 0
        self._flushed_s = time.monotonic()
        with telling_of_storage(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self.shard, self._stream = _create(folder)
            self._end_bytes = 0

    def add(self, key: str, frames: np.ndarray) -> None:
        """Append the float32 frames [frames, dim] of a key; the index follows every now and then."""
        data = np.ascontiguousarray(frames, dtype="<f4")
        if not np.isfinite(data).all():
            raise UserError(
                f"{self.folder}: features {key[:12]} are not finite, so that nothing could be trained "
                "on them: check this utterance's audio, and the keys of the feature"
            )
        with telling_of_storage(self.folder):
            self._stream.write(data.data)
        self._entries.append(Entry(key, self._end_bytes, data.shape, checksum(data)))
        self._end_bytes += data.nbytes
        waiting = len(self._entries) - self._flushed_entries
        if waiting >= FLUSH_ENTRIES or time.monotonic() - self._flushed_s > FLUSH_S:
            self.flush()

    def flush(self) -> None:
        """Sync the values, then write the index of all of them."""
        if len(self._entries) > self._flushed_entries:
            with telling_of_storage(self.folder):
                self._stream.flush()
                os.fsync(self._stream.fileno())
                lines = [json.dumps(asdict(entry), separators=(",", ":")) + "\n" for entry in self._entries]
                write_text(index_path(self.folder, self.shard), "".join(lines))
            self._flushed_entries = len(self._entries)
        self._flushed_s = time.monotonic()

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(self, *fault: object) -> None:
        try:
            self.flush()
        finally:
            # After a full disk the buffer cannot be written at closing either, and its fault is reported already.
            with contextlib.suppress(OSError):
                if not self._flushed_entries:
                    data_path(self.folder, self.shard).unlink(missing_ok=True)
                self._stream.close()


def sweep(folder: Path) -> int:
    """Delete what dead runs left without an index.

    Arguments
    ---------
    folder : Path
        The cache's folder.

    Returns
    -------
    int
        Number of files deleted.
    """
    swept = 0
    for path in sorted(folder.glob("data-*.f32")):
        with contextlib.suppress(OSError), _open_regular(path) as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            index = index_path(folder, path.stem.removeprefix("data-"))
            # Only a writer that is gone leaves an index half-written: the lock is ours.
            remains = list(folder.glob(f".{index.name}.*.part"))
            for part in remains if index.exists() else [*remains, path]:
                part.unlink()
                swept += 1
    return swept


def _open_regular(path: Path) -> BinaryIO:
    check_regular(path)
    return open(path, "rb")


@contextlib.contextmanager
def telling_of_storage(folder: Path) -> Iterator[None]:
    """Turn a fault of the disk into one line that names the folder and the cure."""
    try:
        yield
    except OSError as fault:
        cure = "free some space" if fault.errno in (errno.ENOSPC, errno.EDQUOT) else "make it writable"
        raise UserError(
            f"{folder}: cannot write the feature cache ({fault.strerror}): {cure}, or set SER_CACHE to another folder"
        ) from None


def _create(folder: Path) -> tuple[str, BinaryIO]:
    """Make the values' file of a new shard and hold its lock."""
    while True:
        shard = uuid.uuid4().hex[:12]
        path = data_path(folder, shard)
        stream = open(path, "xb")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Another process may have swept the file away before it was locked.
            if os.path.samestat(os.fstat(stream.fileno()), os.stat(path)):
                return shard, stream
        except (BlockingIOError, FileNotFoundError):
            pass
        except BaseException:
            stream.close()
            raise
        stream.close()
