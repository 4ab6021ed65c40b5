"""The grammar of every command line, and the types of values; faults are one line with exit status 2.

`--opt value`, `--opt=value`, flags alone or with true or false, and hyper-parameters after `--`.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from speechbrain_ext.utils.folders import is_utf8
from speechbrain_ext.utils.nearest import nearest, suggestion

MOST = 2**31 - 1
DIGITS = re.compile("[0-9]{1,18}")


class OptionParser(argparse.ArgumentParser):
    """argparse with this grammar: no abbreviations, errors in one line, the nearest name for an unknown one.

    Arguments
    ---------
    flags, valued : collection of str
        Names of all options, with their dashes: those without and those with a value.
    takes_overrides : bool
        Whether words after `--` are allowed; they become the list `overrides`.

    Attributes
    ----------
    full_help : str
        What `--help` prints; "" for argparse's own text.
    """

    def __init__(
        self, flags: Iterable[str] = (), valued: Iterable[str] = (), takes_overrides: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(allow_abbrev=False, **kwargs)
        self.full_help = ""
        self.flags, self.valued, self.takes_overrides = frozenset(flags), frozenset(valued), takes_overrides

    def parse(self, argv: Sequence[str] | None = None) -> argparse.Namespace:
        """Parse a command line, by default the process's own; a fault ends the process."""
        words = list(sys.argv[1:] if argv is None else argv)
        for word in words:
            if "\0" in word or not is_utf8(word):
                self.error(f"{ascii(word)[:200]}: expected words in UTF-8: check the locale, such as LC_ALL=C.UTF-8")
        end = words.index("--") if "--" in words else len(words)
        overrides = words[end + 1 :]
        if overrides and not self.takes_overrides:
            self.error(f"expected an option, found {overrides[0]!r}: this command takes no hyper-parameters")
        found, rest = self.parse_known_args(self._joined(words[:end]))
        if rest and not rest[0].startswith("-"):
            self.error(f"expected an option, found {rest[0]!r}")
        if rest:
            known = [name for action in self._actions for name in action.option_strings if name.startswith("--")]
            near = nearest(rest[0].split("=")[0], known)
            self.error(f"unknown option {rest[0]}" + (f": did you mean {near}?" if near else ""))
        found.overrides = overrides
        return found

    def _joined(self, words: list[str]) -> list[str]:
        """Write an option and its value as one word, so that a value may begin with a dash."""
        rest, found = list(words), []
        while rest:
            word = rest.pop(0)
            name, equals, value = word.partition("=")
            if name in self.flags:
                if not equals:
                    value = rest.pop(0) if rest and rest[0] in ("true", "false") else "true"
                if value not in ("true", "false"):
                    self.error(f"{name}: expected true or false, found {value!r}")
                found += [name] * (value == "true")
            elif name in self.valued:
                if not equals:
                    if not rest:
                        self.error(f"{name}: missing value: type {name} VALUE")
                    if rest[0].startswith("--"):
                        self.error(f"{name}: missing value, found the option {rest[0]}: type {name} VALUE")
                    value = rest.pop(0)
                if not value.strip():
                    self.error(f"{name}: an empty value: type {name} VALUE, or leave it out for its default")
                found.append(f"{name}={value}")
            else:
                found.append(word)
        return found

    def format_help(self) -> str:
        """What `--help` prints."""
        return self.full_help or super().format_help()

    def error(self, message: str) -> NoReturn:
        """Print the error in one line, with how to see the options."""
        print(f"error: {one_line(re.sub('^argument ', '', message))} (see {self.prog} --help)", file=sys.stderr)
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
            raise argparse.ArgumentTypeError(f"expected a whole number from {least} to {most}, found {short(text)!r}")
        return number

    return read


def one_of(names: Sequence[str]) -> Callable[[str], str]:
    """A type for options: one of some names.

    Example
    -------
    >>> one_of(["last", "dev"])("dev")
    'dev'
    """

    def read(text: str) -> str:
        if text not in names:
            near = nearest(text, names)
            hint = f": did you mean {near}?" if near else ""
            raise argparse.ArgumentTypeError(f"expected one of {', '.join(names)}, found {short(text)!r}{hint}")
        return text

    return read


def path(text: str) -> Path:
    """A type for options: the name of a file or folder, which is not empty.

    Example
    -------
    >>> path("exp").name
    'exp'
    """
    if not text.strip() or "\0" in text or not is_utf8(text):
        raise argparse.ArgumentTypeError(f"expected the name of a file or folder, in UTF-8, found {text[:200]!r}")
    return Path(text)


def names(text: str) -> tuple[str, ...]:
    """A type for options: names with commas.

    Example
    -------
    >>> names("03, 08")
    ('03', '08')
    """
    return tuple(text.replace(",", " ").split())


def some_corpora(text: str) -> tuple[str, ...]:
    """A type for options: different names of recipes or paths of CSV files, with commas.

    Example
    -------
    >>> some_corpora("EmoDB, my corpora/mine.csv")
    ('EmoDB', 'my corpora/mine.csv')
    """
    found = tuple(word.strip() for word in text.split(",") if word.strip())
    if not found or len(set(found)) < len(found):
        raise argparse.ArgumentTypeError(f"expected different corpora with commas, found {short(text)!r}")
    return found


def corpora(text: str) -> tuple[str, ...]:
    """A type for options: as `some_corpora`, two or more."""
    found = some_corpora(text)
    if len(found) < 2:
        raise argparse.ArgumentTypeError(f"expected two or more different corpora with commas, found {short(text)!r}")
    return found


def seeds(text: str) -> tuple[int, ...]:
    """A type for options: different whole numbers with commas.

    Example
    -------
    >>> seeds("1,2")
    (1, 2)
    """
    found = tuple(int(word) for word in names(text) if DIGITS.fullmatch(word))
    if not found or len(found) < len(names(text)) or len(set(found)) != len(found):
        raise argparse.ArgumentTypeError(
            f"expected different whole numbers with commas, e.g. 1,2,3, found {short(text)!r}"
        )
    return found


def factors(text: str) -> tuple[float, ...]:
    """A type for options: numbers from 0 on with commas, in order.

    Example
    -------
    >>> factors("2,1.5")
    (1.5, 2.0)
    """
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = [math.nan]
    if not all(0 <= factor < math.inf for factor in found):
        raise argparse.ArgumentTypeError(f"expected numbers from 0 on with commas between them, found {text!r}")
    return tuple(sorted(set(found)))


def columns(known: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    """A type for options: some of the columns of a table, each once."""

    def read(text: str) -> tuple[str, ...]:
        for name in names(text):
            if name not in known or names(text).count(name) > 1:
                raise argparse.ArgumentTypeError(
                    f"{name}: expected each column once, of those that there are: {suggestion(name, known, 'columns')}"
                )
        return names(text)

    return read


def short(text: str) -> str:
    """A value for a message, cut where it is long."""
    return text if len(text) <= 40 else f"{text[:40]}..."


def one_line(text: str) -> str:
    """Write a message in one line: what does not print, such as a line break in a name, as an escape.

    Example
    -------
    >>> one_line("a\\nb")
    'a\\\\nb'
    """
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
