"""Worker processes: kept between two uses, ended with the block that keeps them, and never handed on after a fault."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.workers import keep_workers, worker_pool


def number_of_a_worker(jobs: int = 1, threads: int = 1) -> int:
    with worker_pool(jobs, "a test", threads) as submit:
        return submit(os.getpid).result()


def is_alive(number: int) -> bool:
    return Path(f"/proc/{number}").exists()


def test_workers_end_with_their_pool():
    assert not is_alive(number_of_a_worker())


def test_kept_workers_serve_the_next_pool_and_end_with_the_block():
    with keep_workers():
        first = number_of_a_worker()
        assert is_alive(first)
        assert number_of_a_worker() == first
    assert not is_alive(first)


@pytest.mark.parametrize("other", [{"jobs": 2}, {"threads": 2}])
def test_workers_of_another_size_are_ended(other):
    with keep_workers():
        first = number_of_a_worker()
        assert number_of_a_worker(**other) != first
        assert not is_alive(first)


def test_after_a_fault_workers_are_killed_and_replaced():
    with keep_workers():
        first = number_of_a_worker()
        with pytest.raises(RuntimeError), worker_pool(1, "a test") as submit:
            submit(os.getpid).result()
            raise RuntimeError
        assert not is_alive(first)
        assert number_of_a_worker() != first


def test_a_killed_worker_is_named_and_replaced():
    with keep_workers():
        first = number_of_a_worker()
        with pytest.raises(UserError, match="a test.*completed work is kept"), worker_pool(1, "a test") as submit:
            submit(os.kill, first, signal.SIGKILL).result()
        assert is_alive(number_of_a_worker())
