"""The plan of a table: each training once, shared and whole steps named, hours from whole steps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from speechbrain_ext.bin.prepare import main as prepare
from speechbrain_ext.bin.run_options import run_parser, specifications
from speechbrain_ext.errors import UsageError
from speechbrain_ext.files import write_sealed
from speechbrain_ext.tables import load_table
from speechbrain_ext.training.experiment import Experiment
from speechbrain_ext.training.finished import write_done
from speechbrain_ext.training.plan import make_plan, plan_text

RECIPE = Path(__file__).resolve().parents[2] / "recipes/EmoDB"

# What every finished training records, besides its epochs and seconds.
MADE = {"optimizer_steps": 1, "parameters": 1, "peak_memory_mib": 1}


def specs_of(folder: Path, identity: str, *words: str) -> list:
    base = ["--recipe", str(RECIPE), "--system", "amsnet", "--data", str(folder / "EmoDB-mini")]
    base += ["--exp", str(folder / "exp"), "--device", "cpu", "--table", identity]
    rows = load_table(RECIPE, identity).rows
    return [
        spec
        for row in rows
        for spec in specifications(run_parser("x", "x").parse_args([*base, "--row", row.name, *words]))
    ]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, mini_emodb):
    folder = tmp_path_factory.mktemp("plan")
    prepare(["--corpus", "EmoDB", "--corpus-root", str(mini_emodb), "--source", "mini", "--data", str(folder)])
    return folder


def counts(plan) -> dict[str, int]:
    return {state: len(plan.of(state)) for state in ("train", "whole", "shared")}


@pytest.mark.parametrize("made", [True, False])
@pytest.mark.parametrize(
    ("identity", "train", "shared"),
    [
        ("amsnet/5", 25, 20),  # early, frlm, urlm, concat, fusion once each; frlm and urlm are used twice more
        ("amsnet/3", 5 + 25 + 25, 20),  # one frlm; a urlm and a fusion for each reduction
        ("amsnet/figure7", 30 + 5 + 30, 25),  # one urlm
        ("amsnet/figure6", 9 * 15, 0),  # nothing is shared
    ],
)
def test_each_training_stands_once(prepared, tmp_path, made, identity, train, shared):
    plan = make_plan(specs_of(prepared if made else tmp_path, identity))
    assert counts(plan) == {"train": train, "whole": 0, "shared": shared}
    assert plan.folds_known


def test_seeds_share_nothing_and_unknown_folds_are_said(prepared, tmp_path):
    assert counts(make_plan(specs_of(prepared, "amsnet/5", "--seeds", "1,2"))) == {
        "train": 50,
        "whole": 0,
        "shared": 40,
    }
    plan = make_plan(specs_of(tmp_path, "amsnet/5", "--protocol", "speaker"))
    assert not plan.folds_known and counts(plan)["train"] == 5
    assert "per fold" in plan_text(plan, 1) and "estimated hours: unknown" in plan_text(plan, 1)


def test_whole_steps_are_reused_and_tell_the_hours(prepared, tmp_path):
    specs = [replace(spec, exp=str(tmp_path)) for spec in specs_of(prepared, "amsnet/5")]
    assert "unknown (no whole step of early, frlm, urlm, concat, fusion to go by)" in plan_text(make_plan(specs), 2)
    run = Experiment(specs[-1])
    for step in ("frlm", "urlm", "fusion"):
        folder = run.step_folder(step, "1")
        folder.mkdir(parents=True)
        write_sealed(folder / f"depends-{step}.json", {"hparams": {}})
        write_done(folder, step, [f"depends-{step}.json"], {**MADE, "epochs": 40, "train_seconds": 40 * 90.0})
    plan = make_plan(specs)
    assert counts(plan) == {"train": 22, "whole": 3, "shared": 20}
    hours, unknown = plan.hours()
    assert unknown == ["early", "concat"]
    # Four folds are left of each; the mini corpus trains the branches 40 epochs and the head 200.
    assert hours == pytest.approx(4 * (40 + 40 + 200) * 90 / 3600)
    assert counts(make_plan(specs, force=True))["whole"] == 0


def test_steps_with_the_same_keys_tell_the_hours_before_those_of_the_same_name(prepared, tmp_path):
    spec = replace(specs_of(prepared, "amsnet/5")[1], exp=str(tmp_path))
    run = Experiment(spec)
    for name, seconds, keys in (("frlm-a", 4.0, run.hp.step_tree("frlm")), ("frlm-b", 400.0, {"other": 1})):
        folder = run.corpus_folder / "steps" / name
        folder.mkdir(parents=True)
        write_sealed(folder / "depends-frlm.json", {"hparams": keys})
        write_done(folder, "frlm", ["depends-frlm.json"], {**MADE, "epochs": 2, "train_seconds": seconds})
    assert {step.epoch_seconds for step in make_plan([spec]).steps} == {2.0}


def test_rows_have_folders_of_their_own_and_paper_protocol(prepared):
    specs = specs_of(prepared, "amsnet/5", "--tag", "short", "--", "--epochs", "3")
    assert [spec.row for spec in specs][1] == "table5-frlm.short"
    assert specs[1].overrides == ("--variant", "frlm", "--epochs", "3") and specs[1].protocol == "random5"
    assert specs_of(prepared, "amsnet/5", "--protocol", "speaker")[0].protocol == "speaker"


def test_a_tag_like_a_row_of_a_table_is_refused(prepared):
    words = ["--recipe", str(RECIPE), "--system", "amsnet", "--data", "d", "--exp", "e", "--tag", "table5-frlm"]
    with pytest.raises(UsageError, match="such names are for the rows of --table"):
        specifications(run_parser("x", "x").parse_args(words))
