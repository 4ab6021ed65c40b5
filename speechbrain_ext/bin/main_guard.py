"""How every command ends: a fault of the user's in one line, never a traceback."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

from speechbrain_ext.bin.parsing import DIGITS, one_line
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.workers import end_with_parent

CURES = {
    errno.ENOSPC: "the disk is full: free some space (or --exp on another disk), then type the same command again",
    errno.EDQUOT: "your disk quota is used up: free some space, then type the same command again",
    errno.EACCES: "no permission: choose another --exp, --data or SER_CACHE, or change the folder's rights",
    errno.EPERM: "not permitted: choose another --exp, --data or SER_CACHE",
    errno.EROFS: "the file system is read-only: choose another --exp, --data or SER_CACHE",
    errno.ENAMETOOLONG: "this name is too long: choose a shorter --tag, --exp or --data",
    errno.EISDIR: "this is a folder, expected a file or its name: choose another, or remove the folder",
    errno.ELOOP: "links lead here in a circle: remove them, or choose another --exp, --data or SER_CACHE",
    errno.ENOTDIR: "a part of this path is a file, not a folder: choose another --exp, --data or SER_CACHE",
}

OTHER_CURE = "the system says: {}: check this path and its rights, or name another"


def run(main: Callable[[], None]) -> None:
    """Call a command's main function and leave the process with its status.

    Status 1: a fault of input or surroundings; 2: of the command line; 130: Ctrl-C.
    """
    for stream in (sys.stdout, sys.stderr):
        # A name that the terminal's character set does not hold is printed with escapes.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # A terminated command must end its workers as Ctrl-C does.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    if "SER_PARENT" in os.environ:
        # Taken out of the environment: it names this process's parent, not that of processes started here.
        parent = os.environ.pop("SER_PARENT")
        if not DIGITS.fullmatch(parent):
            _leave(f"SER_PARENT {parent}: run.sh sets this variable for its commands: unset it", 2)
        end_with_parent(int(parent), signal.SIGTERM)
    try:
        main()
    except UserError as fault:
        _leave(str(fault), fault.exit_status)
    except KeyboardInterrupt:
        _leave("interrupted: completed work is kept; type the same command again to continue", 130)
    except BrokenPipeError:
        os._exit(0)
    except MemoryError:
        _leave("there is not enough memory: choose fewer --jobs or a smaller batch_size, or name smaller files", 1)
    except OSError as fault:
        if fault.errno is None:
            raise
        where = f"{fault.filename}: " if fault.filename else ""
        _leave(f"{where}{CURES.get(fault.errno) or OTHER_CURE.format(fault.strerror)}", 1)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """The first signal counts: the shell above ends too, and its end would signal again amid the cleaning up."""
    for again in (signal.SIGINT, signal.SIGTERM):
        signal.signal(again, signal.SIG_IGN)
    raise KeyboardInterrupt


def _leave(message: str, status: int) -> None:
    print(f"error: {one_line(message)}", file=sys.stderr, flush=True)
    sys.exit(status)
