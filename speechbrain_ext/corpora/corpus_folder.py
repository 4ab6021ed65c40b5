"""The folder of a corpus as its owners ship it: what lies in it, and the error where it is another folder."""

from __future__ import annotations

from pathlib import Path

from speechbrain_ext.utils.errors import UserError


def list_folder(folder: Path) -> list[Path]:
    """List a folder in the order of names, without hidden files; a missing folder is empty.

    Raises
    ------
    UserError
        The folder cannot be read.
    """
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as fault:
        raise UserError(f"{folder}: {fault.strerror}: make the folder readable and run the command again") from None


def wrong_root(root: Path, corpus: str, layout: str, cure: str, found: str) -> UserError:
    """The error for a folder that does not hold a corpus: `found` is in it, if it is a folder."""
    if not root.is_dir():
        found = "a file" if root.exists() else "no such folder"
    return UserError(f"--corpus-root {root}: {found}, expected {corpus} as {layout}: {cure}")
