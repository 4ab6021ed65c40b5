"""AM-ResNet and its fusion with wav2vec 2.0 through run.sh, on the mini IEMOCAP with a tiny model."""

from __future__ import annotations

import json

import pytest
from recipe_runs import run
from tiny_ssl import write_tiny

pytestmark = pytest.mark.slow
TINY = "--channels 16 --segment_s 0.5 --schedule_scale 0.0025 --attention_size 4 --ffn_size 8".split()


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory):
    return str(write_tiny(tmp_path_factory.mktemp("model") / "tiny"))


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    return tmp_path_factory.mktemp("am_resnet")


def results(workplace, pattern):
    found = sorted((workplace / "exp/IEMOCAP-mini").glob(pattern))
    return {path.parents[2].name: json.loads(path.read_text()) for path in found}


def test_every_row_of_table_5_runs_and_shares_the_first_stage(workplace, tiny_model):
    words = ("--table", "am_resnet/5", "--protocol", "session", "--jobs", "1", "--stop-stage", "3", "--tag", "tiny")
    options = (*words, "--", "--ssl_model", tiny_model, *TINY)
    done = run(workplace, *options, recipe="IEMOCAP", small=False, timeout=1500)
    assert done.returncode == 0, done.stderr
    assert "| AM-ResNet, 4490 ‡ |" in done.stdout and "| +W2V2+CA, 5531 ‡ |" in done.stdout
    assert "not comparable" in done.stdout
    found = results(workplace, "am_resnet*/table5-*/*/seed-1/results.json")
    assert len(found) == 6
    tested = {name: result["pooled"]["n"] for name, result in found.items()}
    merged = {count for name, count in tested.items() if "5531" in name}
    alone = {count for name, count in tested.items() if "4490" in name}
    assert len(merged) == len(alone) == 1 and merged.pop() > alone.pop()
    # one AM-ResNet for each test set and fold, whatever is built on it
    steps = list((workplace / "exp/IEMOCAP-mini/phases").glob("am_resnet-*"))
    assert len(steps) == 2 * 5
    fold = found["table5-w2v2-ca-5531.tiny"]["folds"][0]
    assert fold["n_train"] > 170, "ambiguous utterances are trained on"
    assert set(fold["phases"]) == {"am_resnet", "ca"}


@pytest.mark.parametrize(("table", "rows"), [("2", 8), ("3", 4), ("4", 4)])
def test_the_other_tables_are_planned_row_by_row(workplace, tiny_model, table, rows):
    words = ("--table", f"am_resnet/{table}", "--protocol", "session", "--tag", "tiny", "--dry-run")
    # Tables 3 and 4 have no row with wav2vec 2.0.
    options = ("--ssl_model", tiny_model, *TINY) if table == "2" else TINY[:6]
    done = run(workplace, *words, "--", *options, recipe="IEMOCAP", small=False)
    assert done.returncode == 0, done.stderr
    assert f"{rows} rows, IEMOCAP (mini), session, seeds 1" in done.stdout and "trainings to do: " in done.stdout


def test_a_model_out_of_reach_is_one_line(workplace):
    words = ("--system", "am_resnet_w2v2_ca", "--protocol", "session", "--folds", "1", "--stop-stage", "1")
    done = run(workplace, *words, recipe="IEMOCAP", small=False, cache=workplace / "other")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: ") and "ssl_model" in last and "facebook/wav2vec2-base-960h" in last
