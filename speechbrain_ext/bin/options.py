"""Command-line options: faults in one line, with the nearest name that exists."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from speechbrain_ext.utils.errors import UsageError

PICTURES = (".png", ".pdf")
MOST = 2**31 - 1
DIGITS = re.compile("[0-9]{1,18}")
MOST_JOBS = 1024
PRINT_HELP = "draw figures for a paper too: PDF, no title, 3.4 in and 7 in wide, 8 pt"


class OptionParser(argparse.ArgumentParser):
    """argparse whose errors are single lines with exit status 2, and which takes no abbreviations."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_abbrev=False, **kwargs)

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> argparse.Namespace:
        """Parse, and name the nearest option to one that does not exist."""
        words = sys.argv[1:] if args is None else args
        if strange := next((word for word in words if "\0" in word or not is_utf8(word)), None):
            self.error(f"{ascii(strange)[:200]}: expected words in UTF-8: check the locale, such as LC_ALL=C.UTF-8")
        found, rest = self.parse_known_args(words, namespace)
        if rest:
            known = [name for action in self._actions for name in action.option_strings if name.startswith("--")]
            near = difflib.get_close_matches(rest[0].split("=")[0], known, n=1)
            self.error(f"unknown option {rest[0]}" + (f": did you mean {near[0]}?" if near else ""))
        return found

    def error(self, message: str) -> NoReturn:
        """Say it in one line, and how to see the options."""
        print(f"error: {one_line(message)} (see {self.prog} --help)", file=sys.stderr)
        sys.exit(2)


def whole_number(least: int, most: int = MOST) -> Callable[[str], int]:
    """A type for options: a whole number from `least` to `most`.

    Example
    -------
    >>> whole_number(1)("3")
    3
    """

    def read(text: str) -> int:
        # int() would also take 1_000, digits of other scripts, and spaces.
        number = int(text) if DIGITS.fullmatch(text) else least - 1
        if not least <= number <= most:
            found = text if len(text) <= 40 else f"{text[:40]}..."
            raise argparse.ArgumentTypeError(f"expected a whole number from {least} to {most}, found {found!r}")
        return number

    return read


def folder(text: str) -> Path:
    """A type for options: the name of a folder, which is not empty.

    Example
    -------
    >>> folder("exp").name
    'exp'
    """
    if not text.strip() or "\0" in text or not is_utf8(text):
        raise argparse.ArgumentTypeError(f"expected the name of a folder, in UTF-8, found {text[:200]!r}")
    return Path(text)


def one_line(text: str) -> str:
    """Write a message in one line: what does not print, such as a line break in a name, as an escape.

    Example
    -------
    >>> one_line("a\\nb")
    'a\\\\nb'
    """
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


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


def check_pictures(paths: Sequence[Path], known: Sequence[str] = PICTURES) -> None:
    """Refuse names of pictures that end otherwise than with a known format.

    Raises
    ------
    UsageError
        The first such name.
    """
    for path in paths:
        if path.suffix.lower() not in known:
            raise UsageError(f"--out {path}: expected a name that ends with {', '.join(known)}: choose another")
