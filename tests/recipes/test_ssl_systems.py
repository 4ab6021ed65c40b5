"""The two systems on self-supervised models through run.sh, with tiny models in a folder."""

from __future__ import annotations

import json
import subprocess

import pytest
import torch
from recipe_runs import command, environment, only_error
from tiny_ssl import write_tiny

pytestmark = pytest.mark.slow
OPTIONS = "--protocol speaker --folds 03,08 --jobs 1 --threads 1 --tag tiny".split()
SYSTEMS = {"ssl_probe": "layer_means", "ssl_finetune": "waveform"}


def run_system(folder, system, *words, overrides=(), **more):
    call = [*command(folder, "--system", system, *OPTIONS, *words, small=False), "--"]
    call += ["--ssl_model", str(folder / "model"), "--epochs", "2", "--checkpoint_epochs", "1", *overrides]
    return subprocess.run(
        call,
        env=environment(folder / "cache", **more),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=900,
    )


@pytest.fixture(scope="module", params=SYSTEMS)
def finished_run(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    write_tiny(folder / "model", "wav2vec2-layer" if request.param == "ssl_finetune" else "wav2vec2-group")
    done = run_system(folder, request.param)
    assert done.returncode == 0, done.stderr
    return folder, request.param, done


def seed_folder(folder, system):
    return folder / "exp/EmoDB-mini" / system / "tiny/speaker/seed-1"


def test_every_stage_leaves_its_files(finished_run):
    folder, system, done = finished_run
    assert f"features {SYSTEMS[system]}: 280 computed" in done.stdout
    seed = seed_folder(folder, system)
    results = json.loads((seed / "results.json").read_text())
    assert results["system"] == system and results["pooled"]["n"] == 56
    assert (folder / "exp/EmoDB-mini/report.html").stat().st_size > 10000
    assert "Traceback" not in done.stderr and "Warning" not in done.stderr
    name = system.removeprefix("ssl_")
    checkpoint = json.loads((seed / f"fold-03/done-{name}.json").read_text())["checkpoint"]
    state = torch.load(seed / "fold-03/save" / checkpoint / "model.ckpt", weights_only=True)
    assert not any(key.startswith("normalizers.") for key in state)


def test_predicting_again_needs_no_weights(finished_run):
    """The fine-tuned model is all in its checkpoint; the probe's cache is known by what its model holds."""
    folder, system, _ = finished_run
    seed = seed_folder(folder, system)
    before = (seed / "predictions.csv").read_bytes()
    away = system == "ssl_finetune"
    if away:
        (folder / "model").rename(folder / "away")
    done = run_system(folder, system, "--stage", "3", "--stop-stage", "3", "--force")
    if away:
        (folder / "away").rename(folder / "model")
    assert done.returncode == 0, done.stderr
    assert (seed / "predictions.csv").read_bytes() == before


def test_what_would_mix_layers_is_refused(finished_run):
    folder, system, _ = finished_run
    words = ("--stage", "2", "--stop-stage", "2", "--tag", "mixed")
    text = only_error(run_system(folder, system, *words, overrides=("--speaker_normalisation", "True")))
    assert "speaker_normalisation" in text


def test_a_model_out_of_reach_is_one_line(finished_run):
    folder, system, _ = finished_run
    stage = {"ssl_probe": "1", "ssl_finetune": "2"}[system]
    call = command(folder, "--system", system, *OPTIONS, "--stage", stage, "--stop-stage", stage, small=False)
    more = {"HF_HOME": str(folder / "hub"), "HF_ENDPOINT": "http://127.0.0.1:9", "no_proxy": "*"}
    call[call.index("tiny")] = "unreachable"
    done = subprocess.run(call, env=environment(folder / "cache", **more), capture_output=True, text=True, timeout=900)
    text = only_error(done)
    assert done.returncode == 1
    assert "--ssl_model facebook/wav2vec2-base" in text and "HF_HOME" in text and "out of reach" in text


def test_other_weights_in_the_same_folder_are_another_model(finished_run):
    folder, system, _ = finished_run
    config = json.loads((folder / "model/config.json").read_text())
    before = (folder / "model/config.json").read_text()
    (folder / "model/config.json").write_text(json.dumps({**config, "other": 1}))
    text = only_error(run_system(folder, system, "--stage", "2", "--stop-stage", "2"))
    (folder / "model/config.json").write_text(before)
    assert "was made from other inputs: ssl_model was " in text and "--tag" in text
