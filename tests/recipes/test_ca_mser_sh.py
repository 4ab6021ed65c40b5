"""CA-MSER and SD-CAFF through run.sh on mini corpora: presets, frozen frames, the plan of their tables."""

from __future__ import annotations

import json

import pytest
from recipe_runs import only_error, run
from tiny_ssl import write_tiny

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory):
    return str(write_tiny(tmp_path_factory.mktemp("model") / "tiny"))


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    return tmp_path_factory.mktemp("ca_mser")


def result(workplace, corpus, pattern):
    (path,) = (workplace / f"exp/{corpus}-mini").glob(f"{pattern}/results.json")
    return json.loads(path.read_text())


def ca_mser(workplace, model, *words, overrides=(), **more):
    options = ("--system", "ca_mser", "--protocol", "session", "--folds", "1", "--jobs", "1", "--stop-stage", "3")
    tail = ("--", "--ssl_model", model, *overrides)
    return run(workplace, *options, *words, *tail, recipe="IEMOCAP", small=False, **more)


@pytest.fixture(scope="module")
def tuned(workplace, tiny_model):
    """The result of a fine-tuned fold under the preset official."""
    words = ("--variant", "w2e")
    done = ca_mser(workplace, tiny_model, "--preset", "official", "--tag", "tuned", overrides=words)
    assert done.returncode == 0, done.stderr
    return result(workplace, "IEMOCAP", "ca_mser/tuned/session*/seed-1")


def test_a_fine_tuned_fold_under_the_official_preset(tuned):
    found = tuned
    assert found["preset"] == "official" and found["paper"] is None
    assert found["pooled"]["n"] > 20 and found["folds"][0]["phases"]["ca_mser"]["epochs"] == 1


def test_frozen_frames_are_cached_and_the_model_is_not_trained(workplace, tiny_model, tuned):
    words = ("--variant", "w2e_frozen")
    done = ca_mser(workplace, tiny_model, "--tag", "frozen", overrides=words)
    assert done.returncode == 0, done.stderr
    assert "features encoded: " in done.stdout
    frozen = result(workplace, "IEMOCAP", "ca_mser/frozen/session*/seed-1")
    assert frozen["parameters"] < tuned["parameters"]


@pytest.mark.parametrize(("table", "rows"), [("1", 2), ("2", 10)])
def test_every_row_of_the_tables_is_planned(workplace, tiny_model, table, rows):
    words = ("--table", f"ca_mser/{table}", "--tag", "tiny", "--dry-run", "--", "--ssl_model", tiny_model)
    done = run(workplace, *words, recipe="IEMOCAP", small=False)
    assert done.returncode == 0, done.stderr
    assert f"{rows} rows" in done.stdout


@pytest.mark.usefixtures("tuned")  # its stage 0 has made the folds that this stage 2 reads
def test_weights_out_of_reach_are_one_line(workplace, tiny_model):
    words = ("--tag", "imagenet", "--stage", "2", "--stop-stage", "2")
    done = ca_mser(workplace, tiny_model, *words, overrides=("--alexnet_weights", "/nowhere.pth"))
    assert done.returncode == 1 and "alexnet_weights" in done.stderr.strip().splitlines()[-1]
    assert "Traceback" not in done.stderr


SMALL = "--hidden_size 16 --segment_s 0.5 --schedule_scale 0.034".split()


def test_a_table_of_sd_caff_trains_each_network_once(workplace):
    words = ("--protocol", "random5", "--jobs", "1", "--tag", "tiny", "--stop-stage", "3")
    done = run(workplace, "--table", "sd_caff/3", *words, "--", *SMALL, small=False, timeout=1500)
    assert done.returncode == 0, done.stderr
    steps = list((workplace / "exp/EmoDB-mini/phases").glob("sd_caff-*"))
    assert len(steps) == 6 * 5
    rows = ("CNN", "LSTM", "concat", "SD-CAFF", "DD-CAFF", "SS-CAFF")
    assert all(f"| {name} ‡ |" in done.stdout for name in rows)


def test_official_sd_caff_selected_on_the_test_part_warns(workplace):
    words = ("--system", "sd_caff", "--preset", "official", "--selection", "test", "--folds", "1", "--jobs", "1")
    done = run(workplace, *words, "--tag", "test", "--", *SMALL, "--dynamic", "M+D", recipe="IEMOCAP", small=False)
    assert done.returncode == 0, done.stderr
    assert "warning: --selection test" in done.stdout
    found = result(workplace, "IEMOCAP", "sd_caff/test/random5*/seed-1")
    assert found["classes"] == ["anger", "excited", "neutral", "sadness"]
    assert found["folds"][0]["optimism"]["uar"] >= 0
    page = (workplace / "exp/IEMOCAP-mini/report.html").read_text()
    assert "Optimistic: the model was selected on the test fold." in page


def test_an_unknown_preset_is_refused(workplace):
    done = run(workplace, "--system", "sd_caff", "--preset", "offical", small=False)
    assert done.returncode == 2 and "expected one of paper, official: did you mean official?" in only_error(done)
