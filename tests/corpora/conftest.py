"""Fixtures of the tests of corpora."""

from __future__ import annotations

import os
import socket

import pytest


@pytest.fixture
def put(tmp_path):
    """Put something that is no regular file under a name."""
    opened = []

    def call(path, kind):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        if kind == "fifo":
            os.mkfifo(path)
        elif kind == "socket":
            opened.append(socket.socket(socket.AF_UNIX))
            here = os.getcwd()
            os.chdir(path.parent)  # the names of sockets are short
            try:
                opened[-1].bind(path.name)
            finally:
                os.chdir(here)
        elif kind == "device":
            try:
                os.mknod(path, 0o20666, os.makedev(1, 5))
            except PermissionError:
                pytest.skip("devices cannot be made here (needs root)")
        elif kind == "folder":
            path.mkdir()
        else:
            path.symlink_to("/dev/zero")
        return path

    yield call
    for one in opened:
        one.close()
