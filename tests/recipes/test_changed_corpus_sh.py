"""A corpus, its manifest and its folds that change after training, as run.sh sees them."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
import soundfile
from recipe_runs import only_error, run, write_corpus

EGEMAPS = ("--tag", "egemaps", "--", "--variant", "egemaps", "--c_grid", "[0.01]")


@pytest.mark.slow
def test_changes_after_training_are_noticed_and_missing_audio_is_no_fault(tmp_path):
    table = write_corpus(tmp_path, "my.csv")

    def stages(first, last, *words):
        options = ("--corpus-root", str(table), "--stage", str(first), "--stop-stage", str(last), "--jobs", "1")
        return run(tmp_path, *options, *words, *EGEMAPS, recipe="shared", small=False)

    done = stages(0, 3)
    assert done.returncode == 0, done.stderr
    data, wav = tmp_path / "data" / "my-real", tmp_path / "0.wav"
    sound = wav.read_bytes()

    os.utime(wav, ns=(1, 1))
    assert stages(2, 3).returncode == 0, "a file that was touched is the same"

    soundfile.write(wav, 0.1 * np.random.default_rng(50).standard_normal(4000), 16000)
    for stage in (1, 2, 3):
        done = stages(stage, stage)
        assert done.returncode == 1 and "0.wav" in only_error(done) and "have changed" in only_error(done)
    assert "have changed" in only_error(stages(0, 0))

    wav.unlink()
    done = stages(0, 3)
    assert done.returncode == 0, done.stderr
    assert "1 audio files are not in" in done.stdout and "first 0.wav" in done.stdout
    assert "nothing to do" in done.stdout and "trained already" in done.stdout and "scored already" in done.stdout
    for path in (tmp_path / "exp").rglob("fold-*"):
        assert path.is_dir()
    done = stages(1, 3, "--force")
    assert done.returncode == 0, done.stderr
    wav.write_bytes(sound)

    for name, old, new in (
        ("manifest.jsonl", '"speaker": "anna"', '"speaker": "carl"'),
        ("folds/speaker.json", '"1"', '"2"'),
        ("manifest.json", '"my"', '"your"'),
    ):
        path = data / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        for stage in (2, 3):
            done = stages(stage, stage)
            assert done.returncode == 1 and str(path) in only_error(done) and "damaged" in only_error(done)
        done = stages(0, 0)
        assert done.returncode == 0 and f"note: {path}: damaged" in done.stdout, done.stderr
        assert path.read_text() == text
    assert stages(2, 3).returncode == 0


@pytest.mark.slow
def test_a_label_map_and_confounded_speakers_stand_in_the_results(tmp_path):
    table, path = write_corpus(tmp_path, "my.csv"), tmp_path / "my map.json"
    lines = table.read_text().replace("angry", "cross").splitlines()
    table.write_text(
        "\n".join([lines[0], *(line.replace("ben", f"ben{n}") for n, line in enumerate(lines[1:]))]) + "\n"
    )
    path.write_text('{"cross": "anger"}')
    words = ("--corpus-root", str(table), "--label-map", str(path), "--stop-stage", "3", "--jobs", "1")
    done = run(tmp_path, *words, *EGEMAPS, recipe="shared", small=False)
    assert done.returncode == 0, done.stderr
    (found,) = (tmp_path / "exp").rglob("results.json")
    results = json.loads(found.read_text())
    assert results["label_map"] == {"cross": "anger"} and results["classes"] == ["anger", "sadness"]
    message = "emotion and speaker are confounded: 4 of 5 speakers (80 %) have one emotion only"
    assert message in results["warnings"] and f"warning: {message}" in done.stdout
    assert "sentences unknown (no column text)" in results["warnings"][0]
