"""Corpora that their owners offer for download."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from pathlib import Path

from speechbrain_ext.errors import UserError
from speechbrain_ext.files import sha256_file, write_json

EMODB_URL = "http://www.emodb.bilderbar.info/download/download.zip"


def download_emodb(data: str | Path, timeout_s: float = 15.0) -> Path:
    """Fetch EmoDB as its owners publish it, about 40 MB.

    Arguments
    ---------
    data : str or Path
        The folder to write into.
    timeout_s : float
        How long a silent network is waited for.

    Returns
    -------
    Path
        `<data>/EmoDB-download`; when it is already there nothing is fetched.
    """
    return fetch_zip("EmoDB", EMODB_URL, Path(data) / "EmoDB-download", timeout_s=timeout_s)


def fetch_zip(name: str, url: str, folder: Path, sha256: str | None = None, timeout_s: float = 15.0) -> Path:
    """Fetch an archive and unpack it: the whole folder or none of it.

    Arguments
    ---------
    name : str
        The corpus, for messages.
    url : str
        Where the archive is.
    folder : Path
        What to make; the archive's address and hash are kept in its `download.json`.
    sha256 : str or None
        The archive's hash where it is known; otherwise what came is told.
    timeout_s : float
        How long a silent network is waited for.

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
    by_hand = f"fetch {url} by hand, unpack it, and give that folder as --corpus-root DIR"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as temporary:
        archive = _fetch(name, url, Path(temporary), sha256, timeout_s, by_hand)
        found = sha256_file(archive)
        unpacked = Path(temporary) / "unpacked"
        try:
            with zipfile.ZipFile(archive) as stream:
                stream.extractall(unpacked)
        except zipfile.BadZipFile:
            raise UserError(
                f"{url}: {archive.stat().st_size} bytes came that are not a zip archive: {by_hand}"
            ) from None
        inner = [path for path in unpacked.iterdir() if not path.name.startswith((".", "__MACOSX"))]
        whole = inner[0] if len(inner) == 1 and inner[0].is_dir() and inner[0].name != "wav" else unpacked
        write_json(whole / "download.json", {"url": url, "sha256": found})
        shutil.rmtree(folder, ignore_errors=True)
        whole.rename(folder)
    print(f"{name}: fetched {url}, sha256 {found}")
    return folder


def _fetch(name: str, url: str, folder: Path, sha256: str | None, timeout_s: float, by_hand: str) -> Path:
    try:
        import pooch
        import requests
    except ImportError as fault:
        raise UserError(
            f"--corpus-root download needs {fault.name}: pip install pooch requests, or {by_hand}"
        ) from None
    pooch.get_logger().setLevel("ERROR")
    fetcher = pooch.HTTPDownloader(timeout=timeout_s, progressbar=True)
    known = None if sha256 is None else f"sha256:{sha256}"
    try:
        return Path(pooch.retrieve(url, known, fname="archive.zip", path=folder, downloader=fetcher))
    except (requests.RequestException, OSError) as fault:
        reason = type(fault).__name__
        raise UserError(f"{name}: {url} cannot be fetched ({reason}; no network?): {by_hand}") from None
    except ValueError:
        raise UserError(f"{name}: {url} is not the archive with sha256 {sha256}: {by_hand}") from None
