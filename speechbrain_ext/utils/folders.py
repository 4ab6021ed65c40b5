"""Safe folder names for names that come from data, and a check that a path lies inside a folder."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import sha256_bytes

LONGEST_NAME = 120
PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+-]{0,39}")


def folder_name(name: str) -> str:
    """A safe, short and distinct folder name for a name that comes from data: a speaker, session, fold or corpus.

    Up to 40 letters, digits, `_`, `+` and `-` are kept as they are. Anything else becomes a shortened form and ten
    hexadecimal digits of its SHA-256, so that no name leaves its folder and no two names share one.

    Example
    -------
    >>> folder_name("Ses01F"), folder_name("../../etc")
    ('Ses01F', 'etc~74ccf3c5b4')
    """
    if PLAIN_NAME.fullmatch(name):
        return name
    data = name.encode("utf-8", "surrogatepass")
    short = re.sub(rb"[^A-Za-z0-9_-]", b"-", data).decode("ascii")[:24].strip("-")
    return f"{short or 'name'}~{sha256_bytes(data)[:10]}"


def data_folder(data: Path, corpus: str, source: str) -> Path:
    """The folder of a prepared corpus, `data/<CORPUS>-<source>`.

    Example
    -------
    >>> data_folder(Path("data"), "EmoDB", "mini").as_posix()
    'data/EmoDB-mini'
    """
    return data / f"{folder_name(corpus)}-{source}"


def is_name(value: Any) -> bool:
    """Whether a value is a name that can be part of a file's name: nothing of a path, nothing that does not print.

    Example
    -------
    >>> is_name("table5.FRLM"), is_name("../x"), is_name(""), is_name("a b")
    (True, False, False, True)
    """
    return (
        isinstance(value, str)
        and 0 < len(value.encode("utf-8", "surrogatepass")) <= LONGEST_NAME
        and value.isprintable()
        and not value.startswith(".")
        and not set(value) & set("/\\")
    )


def is_utf8(text: str) -> bool:
    """Whether a name can be written to a file; Python reads other bytes of a file system as half characters.

    Example
    -------
    >>> is_utf8("Größe"), is_utf8("\\udcff")
    (True, False)
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_inside(root: str | Path, target: str | Path) -> Path:
    """Refuse a path that does not lie inside a folder, links resolved.

    Arguments
    ---------
    root : str or Path
        The folder.
    target : str or Path
        What is to be written or removed; it need not exist.

    Returns
    -------
    Path
        The target as given.

    Raises
    ------
    UserError
        The target is the folder itself or lies outside.
    """
    outer, inner = Path(root).resolve(), Path(target).resolve()
    if outer not in inner.parents:
        raise UserError(
            f"{target}: expected a path inside {outer}, found one that leads to {inner}: nothing was written or "
            "removed there: remove the link, or choose another --exp"
        )
    return Path(target)


def remove_folder(root: str | Path, target: str | Path) -> None:
    """Remove a folder with its content, if it is there and lies inside `root`.

    Raises
    ------
    UserError
        The folder lies outside `root`, or cannot be removed.
    """
    target = check_inside(root, target)
    try:
        shutil.rmtree(target)
    except FileNotFoundError:
        return
    except OSError as fault:
        raise UserError(f"{target}: cannot be removed ({fault.strerror or fault}): check its rights") from None
