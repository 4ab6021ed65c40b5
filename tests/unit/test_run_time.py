"""How long a run takes, said at its start, and how many folds are trained side by side."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from speechbrain_ext.hparams import load_system
from speechbrain_ext.training import run_time, side_by_side
from speechbrain_ext.training.plan import PlannedRun
from speechbrain_ext.training.run_spec import RunSpec
from speechbrain_ext.training.run_time import RECORD, RunClock

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def recipes(tmp_path):
    """The recipes of this repository, without times that were measured elsewhere."""
    found = tmp_path / "recipes"
    (found / "shared").mkdir(parents=True)
    (found / "shared/systems").symlink_to(REPOSITORY / "recipes/shared/systems")
    (found / "EmoDB").symlink_to(REPOSITORY / "recipes/EmoDB")
    return found


def clock(tmp_path, recipes, folds=(), **changes) -> RunClock:
    spec = RunSpec(
        recipe=str(recipes / "EmoDB"),
        system="amsnet",
        data=str(tmp_path / "data/EmoDB-mini"),
        exp=str(tmp_path / "exp"),
        cache=str(tmp_path / "cache"),
    )
    hp = load_system(REPOSITORY / "recipes/EmoDB", "amsnet", changes, "mini")
    return RunClock([PlannedRun(spec, hp)], 2, folds)


@pytest.fixture
def of_an_hour(monkeypatch):
    """A run that takes an hour by the clock that is read."""
    ticks = iter([100.0, 3700.0])
    monkeypatch.setattr(run_time, "time", SimpleNamespace(monotonic=lambda: next(ticks)))


def test_the_time_of_an_earlier_run_here_is_said(tmp_path, recipes, of_an_hour, monkeypatch):
    clock(tmp_path, recipes).keep()
    monkeypatch.undo()
    assert clock(tmp_path, recipes).text() == "all stages take about 60 min (an earlier run here)"


@pytest.mark.parametrize("differs", [{"changes": {"epochs": 9}}, {"folds": ("1",)}], ids=["settings", "folds"])
def test_the_time_of_another_run_is_not_taken_for_it(tmp_path, recipes, of_an_hour, monkeypatch, differs):
    clock(tmp_path, recipes).keep()
    monkeypatch.undo()
    said = clock(tmp_path, recipes, differs.get("folds", ()), **differs.get("changes", {})).text()
    assert "60 min" not in said


def test_a_run_of_one_fold_is_not_kept_as_the_time_of_all(tmp_path, recipes):
    clock(tmp_path, recipes, folds=("1",)).keep()
    assert not (tmp_path / "cache" / RECORD).exists()


def test_a_time_from_another_machine_names_its_processor(tmp_path, recipes, of_an_hour, monkeypatch):
    clock(tmp_path, recipes).keep()
    monkeypatch.undo()
    kept = json.loads((tmp_path / "cache" / RECORD).read_text())
    kept[0]["processor"] = "Z80"
    (recipes / "shared/run_times.json").write_text(json.dumps(kept))
    (tmp_path / "cache" / RECORD).unlink()
    assert clock(tmp_path, recipes).text() == (
        "all stages take about 60 min (measured on Z80; this machine may differ)"
    )


@pytest.mark.parametrize("damage", ["{", "[{}]", "[1]", "null"])
def test_a_damaged_record_is_no_record(tmp_path, recipes, damage):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / RECORD).write_text(damage)
    assert "60 min" not in clock(tmp_path, recipes).text()


def test_the_first_run_of_the_readme_has_a_time_that_was_measured():
    """Settings that were changed since need a new measurement: benchmarks/first_run.py --keep."""
    spec = RunSpec(recipe=str(REPOSITORY / "recipes/EmoDB"), system="amsnet", data="/none/EmoDB-mini", exp="", cache="")
    hp = load_system(REPOSITORY / "recipes/EmoDB", "amsnet", source="mini")
    assert "all stages take about" in RunClock([PlannedRun(spec, hp)], 2).text()


def test_the_number_of_trainings_side_by_side_follows_the_measurement(monkeypatch):
    for together, expected in ((0.9, 1), (1.04, 1), (1.5, 2)):
        monkeypatch.setattr(side_by_side, "_rate", lambda _, number, rate=together: 10.0 if number == 1 else 10 * rate)
        jobs, rates = side_by_side.choose_jobs(2)
        assert (jobs, rates) == (expected, {1: 10.0, 2: 10 * together})


def test_steps_are_counted_of_all_processes(monkeypatch):
    monkeypatch.setattr(side_by_side, "MEASURED_S", 0.3)
    _, rates = side_by_side.choose_jobs(2)
    assert rates.keys() == {1, 2} and all(rate > 0 for rate in rates.values())
