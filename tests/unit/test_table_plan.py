"""The plan of a run or a table: each training once, shared and complete steps named, hours from measured rates."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from run_requests import request_of

from speechbrain_ext.bin.prepare import main as prepare
from speechbrain_ext.training.experiment import Experiment
from speechbrain_ext.training.finished import FinishedPhase, FoldFacts, PhaseFacts, write_done
from speechbrain_ext.training.paper_tables import load_table
from speechbrain_ext.training.plan import Plan, load_run, make_plan, plan_text
from speechbrain_ext.training.print_plan import print_plan
from speechbrain_ext.training.rates import KeptRun, kept_results
from speechbrain_ext.utils.errors import UsageError
from speechbrain_ext.utils.files import write_sealed

RECIPE = Path(__file__).resolve().parents[2] / "recipes/EmoDB"


def finished(phase: str, epochs: int, train_seconds: float) -> FinishedPhase:
    return FinishedPhase(
        phase=phase,
        checkpoint="model.ckpt",
        epochs=epochs,
        selected_epoch=epochs,
        optimizer_steps=1,
        train_seconds=train_seconds,
        parameters=1,
        parameters_total=1,
        peak_memory_mib=1,
    )


def specs_of(folder: Path, identity: str, *words: str) -> list:
    base = ["--recipe", str(RECIPE), "--system", "amsnet", "--data", str(folder / "EmoDB-mini")]
    base += ["--exp", str(folder / "exp"), "--device", "cpu", "--table", identity]
    rows = load_table(RECIPE, identity).rows
    return [spec for row in rows for spec in request_of([*base, "--row", row.name, *words]).specs]


def plan_of(specs: list, force: bool = False) -> Plan:
    return make_plan([load_run(spec) for spec in specs], force)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, mini_emodb):
    folder = tmp_path_factory.mktemp("plan")
    prepare(["--corpus", "EmoDB", "--corpus-root", str(mini_emodb), "--source", "mini", "--data", str(folder)])
    return folder


def counts(plan) -> dict[str, int]:
    return {state: len(plan.of(state)) for state in ("train", "complete", "shared")}


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
    plan = plan_of(specs_of(prepared if made else tmp_path, identity))
    assert counts(plan) == {"train": train, "complete": 0, "shared": shared}
    assert plan.folds_known


def test_seeds_share_nothing_and_unknown_folds_are_said(prepared, tmp_path):
    assert counts(plan_of(specs_of(prepared, "amsnet/5", "--seeds", "1,2"))) == {
        "train": 50,
        "complete": 0,
        "shared": 40,
    }
    plan = plan_of(specs_of(tmp_path, "amsnet/5", "--protocol", "speaker"))
    assert not plan.folds_known and counts(plan)["train"] == 5
    assert "per fold" in plan_text(plan, 1) and "estimated hours: unknown" in plan_text(plan, 1)


def test_complete_steps_are_reused_and_give_the_hours(prepared, tmp_path, monkeypatch):
    monkeypatch.setattr("speechbrain_ext.training.rates.kept_results", lambda recipe: [])
    specs = [replace(spec, exp=str(tmp_path)) for spec in specs_of(prepared, "amsnet/5")]
    assert "unknown (no complete phase of early, frlm, urlm, concat, fusion to go by)" in plan_text(plan_of(specs), 2)
    run = Experiment(specs[-1])
    for step in ("frlm", "urlm", "fusion"):
        folder = run.phase_folder(step, "1")
        folder.mkdir(parents=True)
        write_sealed(folder / f"depends-{step}.json", {"hparams": {}})
        write_done(folder, finished(step, 40, 40 * 90.0), [f"depends-{step}.json"])
    plan = plan_of(specs)
    assert counts(plan) == {"train": 22, "complete": 3, "shared": 20}
    hours, unknown = plan.hours()
    assert unknown == ["early", "concat"]
    # Four folds are left of each; the mini corpus trains the branches 8 epochs and the head 60.
    assert hours == pytest.approx(4 * (8 + 8 + 60) * 90 / 3600)
    assert counts(plan_of(specs, force=True))["complete"] == 0


def test_steps_with_the_same_keys_tell_the_hours_before_those_of_the_same_name(prepared, tmp_path):
    spec = replace(specs_of(prepared, "amsnet/5")[1], exp=str(tmp_path))
    run = Experiment(spec)
    for name, seconds, keys in (("frlm-a", 4.0, run.hp.phase_tree("frlm")), ("frlm-b", 400.0, {"other": 1})):
        folder = run.corpus_folder / "phases" / name
        folder.mkdir(parents=True)
        write_sealed(folder / "depends-frlm.json", {"hparams": keys})
        write_done(folder, finished("frlm", 2, seconds), ["depends-frlm.json"])
    assert {step.epoch_seconds for step in plan_of([spec]).phases} == {2.0}


def kept(corpus: str, step: str, seconds: float, n_train: int = 100, **settings) -> KeptRun:
    """A kept result on one fold whose step took this long for each of its 10 epochs."""
    trained = PhaseFacts(epochs=10, optimizer_steps=1, train_seconds=10 * seconds)
    fold = FoldFacts(
        name="1", n_train=n_train, n_dev=0, n_test=1, epochs=10, train_seconds=10 * seconds, phases={step: trained}
    )
    known = {"corpus": corpus, "system": "amsnet", "device": "a CPU", "protocol": "speaker", "folds_of_protocol": 7}
    return KeptRun(**known, hparams=settings, folds=(fold,))


def test_kept_results_are_read_and_what_is_damaged_is_left_aside(tmp_path):
    results = sorted((RECIPE / "results").glob("*/*.json"))
    assert len(kept_results(RECIPE)) == len(results) > 0
    folder = tmp_path / "results/an edition"
    folder.mkdir(parents=True)
    content = json.loads(results[0].read_text(encoding="utf-8"))
    for name, change in (("complete", {}), ("damaged", {"folds": [{"name": "1"}]}), ("other", {"device": 3})):
        (folder / f"{name}.json").write_text(json.dumps(content | change), encoding="utf-8")
    (folder / "list.json").write_text("[]", encoding="utf-8")
    (found,) = kept_results(tmp_path)
    assert found.system == content["system"] and len(found.folds) == len(content["folds"])


def test_kept_results_give_the_hours_where_nothing_was_trained_here(prepared, tmp_path, monkeypatch):
    results = {
        "EmoDB": [kept("EmoDB", "frlm", 2.0), kept("EmoDB", "frlm", 8.0, batch_size=1)],
        "IEMOCAP": [kept("IEMOCAP", "frlm", 99.0), kept("IEMOCAP", "urlm", 5.0)],
    }
    monkeypatch.setattr("speechbrain_ext.training.rates.kept_results", lambda recipe: results.get(recipe.name, []))
    rows = {spec.table_row: spec for spec in specs_of(prepared, "amsnet/5")}
    frlm, urlm = (replace(rows[name], exp=str(tmp_path)) for name in ("FRLM", "URLM"))
    n_train = len(Experiment(frlm).fold("1").train)
    first = plan_of([frlm]).phases[0]
    assert first.epoch_seconds == pytest.approx(2.0 / 100 * n_train), "of the same settings, by utterance"
    assert first.origin == "kept results of EmoDB on a CPU, by utterance"
    other = plan_of([urlm]).phases[0]
    assert other.epoch_seconds == pytest.approx(5.0 / 100 * n_train)
    assert other.origin == "kept results of IEMOCAP on a CPU, by utterance"
    text = plan_text(plan_of([frlm]), 2)
    assert "seconds of an epoch from: frlm: kept results of EmoDB on a CPU, by utterance" in text
    nowhere = [replace(spec, data=str(tmp_path / "EmoDB-mini")) for spec in (frlm, urlm)]
    before = plan_of(nowhere).phases
    assert before[0].epoch_seconds == 2.0 and before[0].origin.endswith("of the complete corpus, so at most")
    assert before[-1].epoch_seconds is None, "another corpus says nothing without the number of utterances"
    real = [replace(frlm, data=str(tmp_path / "EmoDB-real"), protocol="speaker")]
    monkeypatch.setattr("speechbrain_ext.training.plan.kept_results", lambda recipe: [])
    assert not plan_of(real).folds_known
    monkeypatch.setattr("speechbrain_ext.training.plan.kept_results", lambda recipe: results.get(recipe.name, []))
    assert plan_of(real).folds_known and len(plan_of(real).phases) == 7


def test_the_plan_says_each_stage_in_words(prepared, tmp_path, capsys):
    words = ["--recipe", str(RECIPE), "--system", "amsnet", "--exp", str(tmp_path / "exp"), "--device", "cpu"]
    words += ["--cache", str(tmp_path / "cache"), "--data"]
    print_plan([request_of([*words, str(prepared / "EmoDB-mini"), "--folds", "1,3", "--seeds", "1,2"])], range(5))
    told = capsys.readouterr().out
    assert "Plan of amsnet, row default, EmoDB (mini), random5, seeds 1, 2. Nothing is run or written." in told
    assert "stage 0, prepare: complete already: the manifest of " in told and "folds of random5 are reused" in told
    assert "stage 1, features: compute and cache what is missing of lld (0 of " in told
    assert "stage 2, train: train folds 1, 3." in told and "trainings to do: 12 (frlm 4, urlm 4, fusion 4)" in told
    assert "stage 3, evaluate: score 2 runs on the test part of folds 1, 3." in told
    assert f"stage 4, report: write {tmp_path / 'exp/EmoDB-mini/report.html'}" in told
    assert not list(tmp_path.glob("exp/**/*.json"))
    print_plan([request_of([*words, str(tmp_path / "EmoDB-mini")])], range(2))
    told = capsys.readouterr().out
    assert "write the synthetic mini corpus, then read and check EmoDB" in told and "stage 2" not in told
    table = load_table(RECIPE, "amsnet/5")
    known = [*words, str(prepared / "EmoDB-mini"), "--table", "amsnet/5", "--row"]
    print_plan([request_of([*known, row.name]) for row in table.rows], [2], table)
    told = capsys.readouterr().out
    assert "table amsnet/5 (AMSNet on EmoDB, ablation): 5 rows" in told and "trainings to do: 25 (early 5" in told
    with pytest.raises(UsageError, match="--folds 9: the folds of random5 are 1, 2, 3, 4, 5"):
        print_plan([request_of([*words, str(prepared / "EmoDB-mini"), "--folds", "9"])], range(5))


def test_rows_have_folders_of_their_own_and_paper_protocol(prepared):
    specs = specs_of(prepared, "amsnet/5", "--tag", "short", "--", "--epochs", "3")
    assert [spec.row for spec in specs][1] == "table5-frlm.short"
    assert specs[1].overrides == ("--variant", "frlm", "--epochs", "3") and specs[1].protocol == "random5"
    assert specs_of(prepared, "amsnet/5", "--protocol", "speaker")[0].protocol == "speaker"


def test_a_tag_like_a_row_of_a_table_is_refused(prepared):
    words = ["--recipe", str(RECIPE), "--system", "amsnet", "--data", "d", "--exp", "e", "--tag", "table5-frlm"]
    with pytest.raises(UsageError, match="such names are for the rows of --table"):
        request_of(words)
