"""Time left of a training: seconds of measured work, unknown phases named, and workers that report epochs."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from speechbrain_ext.training import launch
from speechbrain_ext.training.progress import Progress, TimedPhase
from speechbrain_ext.training.run_spec import RunSpec

STEPS = {"slow": 3, "fast": 5}


def test_phases_of_unlike_epochs_count_by_their_seconds():
    phases = [TimedPhase(0, "frlm", 60, 4.0), TimedPhase(0, "fusion", 2000, 0.01)]
    progress = Progress(phases, 1)
    assert progress.total_s == pytest.approx(260) and progress.left_s == pytest.approx(260)
    for epoch in range(1, 31):
        progress.epoch(0, "frlm", epoch, 4.0)
    assert progress.done_s == pytest.approx(120), "30 of 2060 epochs are nearly half of the work"
    assert progress.text() == "0 of 2 phases, about 2 min left"


def test_measured_seconds_replace_those_of_earlier_trainings():
    progress = Progress([TimedPhase(0, "frlm", 10, 100.0), TimedPhase(1, "frlm", 10, 100.0)], 1)
    progress.epoch(0, "frlm", 1, 2.0)
    assert progress.left_s == pytest.approx(9 * 2.0 + 10 * 2.0)


def test_an_unknown_phase_is_said_until_one_epoch_of_it_is_measured():
    progress = Progress([TimedPhase(0, "frlm", 2), TimedPhase(0, "fusion", 10)], 1)
    assert progress.unknown == ["frlm", "fusion"] and progress.total_s == 0
    assert progress.text() == "0 of 2 phases, time left unknown: frlm, fusion (no epoch measured yet)"
    progress.epoch(0, "frlm", 1, 7.0)
    assert "about 7 s left, not counting fusion (no epoch measured yet)" in progress.text()
    progress.epoch(0, "frlm", 2, 7.0)
    progress.epoch(0, "fusion", 1, 1.0)
    assert progress.unknown == [] and progress.text() == "1 of 2 phases, about 9 s left"


def test_a_step_that_goes_on_from_a_checkpoint_counts_its_epochs_and_one_that_stops_early_is_done():
    progress = Progress([TimedPhase(0, "frlm", 100, 1.0), TimedPhase(1, "frlm", 100, 1.0)], 2)
    progress.epoch(0, "frlm", 91, 1.0)
    assert progress.done_s == pytest.approx(91)
    progress.task_ended(1)
    assert progress.left_s == pytest.approx(9) and progress.text().startswith("1 of 2 phases")


def test_jobs_share_the_work_and_a_task_is_not_divided():
    phases = [TimedPhase(task, "frlm", 10, 1.0) for task in range(4)]
    assert Progress(phases, 2).left_s == pytest.approx(20) and Progress(phases, 4).left_s == pytest.approx(10)
    assert Progress([TimedPhase(0, "frlm", 10, 1.0), TimedPhase(1, "frlm", 90, 1.0)], 2).left_s == pytest.approx(90)


def pretend(spec: RunSpec, fold: str, on_epoch=None) -> dict:
    """Stand for `train_fold`: two steps that report their epochs."""
    for step, epochs in STEPS.items():
        for epoch in range(1, epochs + 1):
            time.sleep(0.15 if step == "slow" else 0.01)
            on_epoch(step, epoch)
    return {"fold": fold, "process": os.getpid()}


def test_workers_report_epochs_and_seconds_to_the_bar(monkeypatch, capfd):
    spec = RunSpec("recipe", "amsnet", "data", "exp", "cache")
    tasks = [(spec, "1"), (spec, "2")]
    seen = []
    monkeypatch.setattr(launch, "_show", lambda bar, title, now, done: seen.append((now.text(), now.done_s)))
    progress = Progress([TimedPhase(number, step, epochs) for number in range(2) for step, epochs in STEPS.items()], 2)
    results = launch.map_folds(pretend, tasks, 2, "train", progress)
    assert sorted(found["fold"] for found in results.values()) == ["1", "2"]
    assert seen[-1][0] == "4 of 4 phases, about 0 s left" and seen[0][1] <= seen[-1][1]
    assert progress._measured.keys() == STEPS.keys() and len(progress._measured["slow"]) == 6
    assert all(seconds >= 0.14 for seconds in progress._measured["slow"])
    assert max(progress._measured["fast"]) < 0.14


def test_a_half_written_line_is_read_when_it_is_complete(tmp_path):
    progress, read = Progress([TimedPhase(0, "frlm", 4)], 1), {}
    path = Path(tmp_path) / "1"
    path.write_text('[0, "frlm", 1, 2.5]\n[0, "fr')
    launch._read_ticks(str(tmp_path), read, progress)
    assert progress._measured["frlm"] == [2.5]
    path.write_text('[0, "frlm", 1, 2.5]\n[0, "frlm", 2, 3.5]\n')
    launch._read_ticks(str(tmp_path), read, progress)
    assert progress._measured["frlm"] == [2.5, 3.5]


def test_the_bar_shows_no_share_while_a_phase_is_unknown():
    shown = SimpleNamespace(n=0, set_description_str=lambda text, refresh: None, update=lambda more: None)
    progress = Progress([TimedPhase(0, "frlm", 4), TimedPhase(0, "fusion", 4, 1.0)], 1)
    launch._show(shown, "train", progress, 0)
    assert "percentage" not in shown.bar_format and shown.unit == "s"
    progress.epoch(0, "frlm", 1, 2.0)
    launch._show(shown, "train", progress, 0)
    assert "percentage" in shown.bar_format and shown.total == pytest.approx(12.0)
    moved = []
    shown.n, shown.update = 9.0, moved.append
    launch._show(shown, "train", progress, 0)
    assert moved == [pytest.approx(2.0 - 9.0)], "what is done goes down with a lower rate"
