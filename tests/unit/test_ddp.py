"""What is said of ranks that failed."""

from __future__ import annotations

import threading

import pytest

from speechbrain_ext.training.ddp import failure_reason, remove_for_good

AGAIN = "type the same command again"


@pytest.mark.parametrize(
    ("failed", "log", "status", "expected"),
    [
        ([(0, 1), (1, -9)], "error: peer closed", 1, "rank 1 was ended by SIGKILL (out of memory?)"),
        ([(0, -15), (1, -11), (2, -15)], "", 1, "rank 1 was ended by SIGSEGV:"),
        ([(0, -15), (1, 1)], "Traceback\n", 1, "rank 1 ended with status 1:"),
        ([(0, -15)], "", 1, "rank 0 was ended by SIGTERM:"),
        ([(3, -99)], "", 1, "rank 3 was ended by signal 99:"),
        ([(1, 1)], "Traceback\nValueError: no\n", 1, "rank 1 ended with status 1: see the last lines"),
        ([], "", -9, "torchrun was ended by SIGKILL (out of memory?)"),
        ([], "", 3, "torchrun ended with status 3:"),
    ],
)
def test_the_rank_that_failed_first_is_named(failed, log, status, expected):
    reason = failure_reason(failed, log, status)
    assert reason.startswith(expected) and reason.endswith(AGAIN) and "\n" not in reason


def test_a_fault_of_the_input_is_repeated_as_it_was_told():
    log = "some error: not this\nerror: max_grad_norm: expected a positive value\nerror: the same"
    assert failure_reason([(0, 1), (1, 1)], log, 1) == "max_grad_norm: expected a positive value"


def test_a_folder_that_a_late_process_makes_again_is_removed_too(tmp_path):
    folder = tmp_path / "ranks-1"
    (folder / "log").mkdir(parents=True)
    late = threading.Timer(0.15, lambda: (folder / "late").mkdir(parents=True))
    late.start()
    remove_for_good(folder)
    late.join()
    assert not folder.exists()
