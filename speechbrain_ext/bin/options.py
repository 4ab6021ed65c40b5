"""The command lines that are made of the list of options; imports no package."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from speechbrain_ext.bin.option_list import ALL, MATRIX, PREPARE, RUNS, Option
from speechbrain_ext.bin.parsing import (
    OptionParser,
    one_of,
    path,
)

__all__ = ["ALL", "Option", "command_parser", "cores", "parse_subcommand"]
OVERRIDES = (*RUNS, *PREPARE, *MATRIX)


def command_parser(command: str, description: str | None, needed: Sequence[str] = (), prog: str = "") -> OptionParser:
    """Build the command line of a command.

    Arguments
    ---------
    command : str
        As in `Option.commands`.
    description : str
        One line.
    needed : sequence of str
        Options that must be given.
    prog : str
        How the command is typed, where it is not the module of its name.
    """
    own = [option for option in ALL if command in option.commands]
    parser = OptionParser(
        flags=[f"--{option.name}" for option in own if not option.metavar],
        valued=[f"--{option.name}" for option in own if option.metavar],
        takes_overrides=command in OVERRIDES,
        prog=prog or f"python -m speechbrain_ext.bin.{command}",
        description=description,
    )
    for option in own:
        text = option.text.replace("%", "%%")
        if not option.metavar:
            parser.add_argument(f"--{option.name}", action="store_true", help=text)
            continue
        parser.add_argument(
            f"--{option.name}",
            metavar=option.metavar,
            type=option.kind,
            help=text,
            required=option.name in needed,
            action="append" if option.many else "store",
            # argparse would append to the default.
            default=None if option.many else option.default,
        )
    return parser


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def parse_subcommand(
    module: str,
    description: str | None,
    commands: Mapping[str, tuple[str, Sequence[str]]],
    argv: Sequence[str] | None,
    places: Mapping[str, str] = MappingProxyType({}),
) -> tuple[str, Namespace]:
    """Parse the command line of a module with several commands.

    Arguments
    ---------
    module, description : str
        The module below `speechbrain_ext.bin`, and what it is for.
    commands : mapping
        What each command does, and the options that it needs.
    argv : sequence of str or None
        The command line; None takes the process's own.
    places : mapping
        For commands that take a path without an option, what it is; it is parsed as `place`.

    Returns
    -------
    command : str
    asked : Namespace
    """
    prog = f"python -m speechbrain_ext.bin.{module}"
    words = list(sys.argv[1:] if argv is None else argv)
    top = OptionParser(prog=prog, description=description, usage=f"{prog} COMMAND [options]")
    top.add_argument(
        "command",
        type=one_of(tuple(commands)),
        metavar="COMMAND",
        help="; ".join(f"{name}: {text}" for name, (text, _) in commands.items()),
    )
    command = top.parse(words[:1]).command
    text, needed = commands[command]
    parser = command_parser(command, text, needed, f"{prog} {command}")
    if command in places:
        parser.add_argument("place", type=path, help=places[command])
    return command, parser.parse(words[1:])
