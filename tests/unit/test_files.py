"""Atomic writes and the lock."""

from __future__ import annotations

import multiprocessing
import os
import signal

import pytest

from speechbrain_ext.utils import files
from speechbrain_ext.utils.errors import UserError


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path):
    path = tmp_path / "a.txt"
    files.write_text(path, "old")
    with pytest.raises(RuntimeError), files.replacing(path) as stream:
        stream.write("new")
        raise RuntimeError
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_json_is_canonical_and_refuses_nan(tmp_path):
    assert files.sha256_json({"b": 1, "a": 2}) == files.sha256_json({"a": 2, "b": 1})
    with pytest.raises(ValueError):
        files.write_json(tmp_path / "a.json", float("nan"))


def test_missing_and_broken_json_name_the_cure(tmp_path):
    with pytest.raises(UserError, match="make it with: ./run.sh"):
        files.read_json(tmp_path / "a.json", "./run.sh")
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(UserError, match="not JSON"):
        files.read_json(tmp_path / "a.json", "./run.sh")


def hold(folder, ready):
    with files.folder_lock(folder):
        ready.set()
        signal.pause()


def test_a_second_holder_is_refused_by_name_and_a_killed_one_lets_go(tmp_path):
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    holder = context.Process(target=hold, args=(tmp_path, ready))
    holder.start()
    assert ready.wait(60)
    with pytest.raises(UserError, match=f"process {holder.pid} on "), files.folder_lock(tmp_path):
        pass
    holder.kill()
    holder.join()
    with files.folder_lock(tmp_path):
        pass
