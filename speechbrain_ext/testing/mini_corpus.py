"""Writes a mini corpus, synthetic speech in the layout of a real corpus, completely or not at all."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from speechbrain_ext.testing import find_writers
from speechbrain_ext.utils.errors import UsageError, UserError
from speechbrain_ext.utils.files import folder_lock, sha256_bytes, sha256_file, sha256_json, write_json
from speechbrain_ext.utils.nearest import suggestion
from speechbrain_ext.utils.regular_file import read_regular

MARKER = "mini.json"
WRITERS = Path(__file__).parent


def make_mini(corpus: str, out: str | Path) -> None:
    """Write a mini corpus unless it is complete already, and print which of the two.

    Raises
    ------
    UserError
        There is no such mini corpus, or `out` holds something else.
    """
    key, known = corpus_key(corpus), sorted(find_writers())
    if key not in known:
        raise UsageError(f"--corpus {corpus}: {suggestion(corpus, known, 'mini corpora')}")
    made = write_mini(key, out, progress=True)
    print(f"mini corpus {key}: {'written to' if made else 'already complete in'} {out}")


def tree_sha256(root: str | Path) -> str:
    """Hash names and bytes of all files below a folder, the marker and hidden files left out.

    Arguments
    ---------
    root : str or Path
        The folder.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    files = sorted(path for path in Path(root).rglob("*") if path.is_file())
    hashes = {path.relative_to(root).as_posix(): sha256_file(path) for path in files}
    return sha256_json({name: value for name, value in hashes.items() if name != MARKER and name[0] != "."})


def write_mini(corpus: str, out: str | Path, progress: bool = False) -> bool:
    """Write a mini corpus completely or not at all.

    The work is done in a hidden folder next to `out`, which is held by a lock: a second process waits, and
    what a killed one left is cleared.

    Arguments
    ---------
    corpus : str
        A key of `find_writers`.
    out : str or Path
        The folder; one that an older writer made is replaced.
    progress : bool
        Show a bar on stderr.

    Returns
    -------
    bool
        Whether anything was written; False when the folder was complete already.

    Raises
    ------
    UserError
        `out` holds something that is no mini corpus of this kind.
    """
    # The absolute path, so that `.` and `..` have a name and a parent.
    out = Path(os.path.abspath(out))
    version = _version()
    if _is_complete(corpus, out, version):
        return False
    work = out.parent / f".{out.name}.part"
    try:
        with folder_lock(work, wait=True):
            if foreign := sorted({path.name for path in work.iterdir()} - {"tree", "old", ".lock"}):
                raise UserError(
                    f"{work}: expected the remains of an earlier run or nothing, found {foreign[0]}: move it away, "
                    "or choose another --out"
                )
            try:
                return _replace(corpus, out, version, work, progress)
            finally:
                shutil.rmtree(work, ignore_errors=True)
    except OSError as fault:
        raise UserError(
            f"{out}: cannot write the mini corpus ({fault.strerror or fault}): choose another --out"
        ) from None


def _replace(corpus: str, out: Path, version: str, work: Path, progress: bool) -> bool:
    """Write into the folder `work`, which this process holds, and give the result its name."""
    if _is_complete(corpus, out, version):
        return False
    tree, old = work / "tree", work / "old"
    for remains in (tree, old):
        shutil.rmtree(remains, ignore_errors=True)
    find_writers()[corpus](tree, progress=progress)
    digest = tree_sha256(tree)
    write_json(tree / MARKER, {"corpus": corpus, "synthetic": True, "version": version, "sha256": digest})
    if out.exists():
        os.rename(out, old)
    os.rename(tree, out)
    return True


def _version() -> str:
    """Hash of the code that writes: a folder that older code wrote is not complete."""
    return sha256_bytes(b"".join(path.read_bytes() for path in sorted(WRITERS.glob("*.py"))))[:16]


def _is_complete(corpus: str, out: Path, version: str) -> bool:
    """Whether `out` holds exactly what would be written now; refuse what is not ours to replace."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    try:
        marker = json.loads(read_regular(out / MARKER).decode("utf-8"))
        kind, stamp, digest = marker["corpus"], marker["version"], marker["sha256"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        kind = None
    if kind != corpus:
        raise UserError(
            f"{out}: expected a new folder or the mini corpus {corpus}, found something else: choose another --out"
        )
    return stamp == version and digest == tree_sha256(out)


def corpus_key(name: str) -> str:
    """A corpus's name in small letters and digits, so that MSP-IMPROV and msp_improv are one."""
    return "".join(letter for letter in name.lower() if letter.isalnum())
