"""Corpora that their owners offer for download."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tqdm import tqdm

from speechbrain_ext.corpora.archive import UnsafeArchive, unpack
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import sha256_file, write_json

MAX_UNPACKED_BYTES = 4 << 30


def fetch_zip(
    name: str,
    url: str,
    folder: Path,
    sha256: str | None = None,
    timeout_s: float = 15.0,
    max_bytes: int = MAX_UNPACKED_BYTES,
) -> Path:
    """Fetch an archive and unpack it: the complete folder or none of it.

    Arguments
    ---------
    name : str
        The corpus, for messages.
    url : str
        Where the archive is.
    folder : Path
        What to make; the archive's address and hash are kept in its `download.json`.
    sha256 : str or None
        The archive's hash where it is known; otherwise the output says that none is, and gives the hash found.
    timeout_s : float
        How long a silent network is waited for.
    max_bytes : int
        The most that the archive may hold when it is unpacked; it may have a quarter of that itself.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    UserError
        The network is out of reach, or what came is not the archive; the message says what to do by hand.
    """
    if (folder / "download.json").is_file():
        return folder
    if os.path.lexists(folder) and not (folder.is_dir() and not any(folder.iterdir())):
        raise UserError(f"{folder}: is there already and is no complete download: move it away, then type this again")
    by_hand = f"fetch {url} by hand, unpack it, and give that folder as --corpus-root DIR"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as temporary:
        archive = _fetch(name, url, Path(temporary), sha256, timeout_s, max_bytes // 4, by_hand)
        found = sha256_file(archive)
        unpacked = Path(temporary) / "unpacked"
        try:
            unpack(archive, unpacked, max_bytes)
        except UnsafeArchive as fault:
            raise UserError(f"{url}: {archive.stat().st_size} bytes came, {fault}: {by_hand}") from None
        except OSError as fault:
            raise UserError(
                f"{folder}: {url} cannot be unpacked ({fault.strerror or fault}): make room or choose another --data"
            ) from None
        inner = [path for path in unpacked.iterdir() if not path.name.startswith((".", "__MACOSX"))]
        unpacked = inner[0] if len(inner) == 1 and inner[0].is_dir() and inner[0].name != "wav" else unpacked
        write_json(unpacked / "download.json", {"url": url, "sha256": found})
        unpacked.rename(folder)
    known = "as published" if sha256 else "not compared, as no published hash is known"
    print(f"{name}: fetched {url}, sha256 {found} ({known})")
    return folder


class TooLarge(Exception):
    """More came than an archive may have."""


class _BoundedProgress:
    """What pooch reports progress to: shows a bar, and ends a download that grows beyond a limit.

    Arguments
    ---------
    most : int
        The most bytes that may come, whatever length the server declares.
    name : str
        What the bar is named.
    """

    def __init__(self, most: int, name: str) -> None:
        self.most, self.received, self.total = most, 0, 0
        self.bar = tqdm(desc=name, unit="B", unit_scale=True, delay=1)

    def update(self, size: int) -> None:
        """Count what came."""
        self.received += size
        if self.received > self.most:
            raise TooLarge
        self.bar.total = self.total or None
        self.bar.update(size)

    def reset(self) -> None:
        """Begin again, which pooch does to fill the bar at the end."""
        self.received = 0
        self.bar.reset()

    def close(self) -> None:
        """Take the bar away."""
        self.bar.close()


def _fetch(name: str, url: str, folder: Path, sha256: str | None, timeout_s: float, most: int, by_hand: str) -> Path:
    try:
        import pooch
        import requests
    except ImportError as fault:
        raise UserError(
            f"--corpus-root download needs {fault.name}: pip install pooch requests, or {by_hand}"
        ) from None
    pooch.get_logger().setLevel("ERROR")
    progress = _BoundedProgress(most, name)
    fetcher = pooch.HTTPDownloader(timeout=timeout_s, progressbar=progress)
    known = None if sha256 is None else f"sha256:{sha256}"
    try:
        return Path(pooch.retrieve(url, known, fname="archive.zip", path=folder, downloader=fetcher))
    except (requests.RequestException, OSError) as fault:
        reason = type(fault).__name__
        raise UserError(f"{name}: {url} cannot be fetched ({reason}; no network?): {by_hand}") from None
    except TooLarge:
        raise UserError(
            f"{name}: {url} sends more than {most} bytes, expected an archive below that: {by_hand}"
        ) from None
    except ValueError:
        raise UserError(f"{name}: {url} is not the archive with sha256 {sha256}: {by_hand}") from None
