"""How long an audio file says it is: a broken copy is shorter than its own header says."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Literal

# Writers to a pipe, which cannot go back to the header, leave 0 or a size near 2 GiB or more there.
UNKNOWN_BYTES = 0x7FFFF000
W64_RIFF = bytes.fromhex("726966662e91cf11a5d628db04c10000")
MOST_CHUNKS = 1000


def promised_bytes(path: str | Path) -> int:
    """Read from the headers of WAV, RF64, W64, AIFF, AU and CAF files how many bytes the file must have at least.

    Arguments
    ---------
    path : str or Path
        A regular file.

    Returns
    -------
    int
        0 where the header does not say, and for all other containers.
    """
    with open(path, "rb") as stream:
        head = stream.read(48).ljust(48, b"\0")
        kind, form = head[:4], head[8:12]
        if kind == b"RIFF" and form == b"WAVE":
            return max(_known(8, _little(head[4:8])), _end_of_data(stream, 12, "little", 4))
        if kind == b"RF64" and form == b"WAVE" and head[12:16] == b"ds64":
            return 8 + _little(head[20:28])
        if head[:16] == W64_RIFF:
            return _little(head[16:24])
        if kind == b"FORM" and form in (b"AIFF", b"AIFC"):
            return _known(8, int.from_bytes(head[4:8], "big"))
        if kind == b".snd":
            return _known(int.from_bytes(head[4:8], "big"), int.from_bytes(head[8:12], "big"))
        if kind == b"caff":
            return _end_of_data(stream, 8, "big", 8)
    return 0


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")


def _known(before: int, size: int) -> int:
    return before + size if size < UNKNOWN_BYTES else 0


def _end_of_data(stream: BinaryIO, start: int, order: Literal["little", "big"], width: int) -> int:
    """Where the chunk `data` ends, by its own size; 0 where there is none or its size is unknown."""
    for _ in range(MOST_CHUNKS):
        stream.seek(start)
        head = stream.read(4 + width)
        if len(head) < 4 + width:
            break
        size, start = int.from_bytes(head[4:], order), start + 4 + width
        if head[:4] == b"data":
            return _known(start, size)
        # Chunks of WAV begin at even places.
        start += size + (size % 2 if order == "little" else 0)
        if start >= 2**62:
            break
    return 0
