"""Errors that a user can cause and mend: one line, with the next thing to type."""

from __future__ import annotations


class UserError(Exception):
    """A fault of the input or the environment, reported in one line.

    The message names the file or option, what was expected, what was found
    and what to do. Commands print it without a traceback.
    """

    exit_status = 1


class UsageError(UserError):
    """A fault of the command line: unknown option, missing value, empty range."""

    exit_status = 2
