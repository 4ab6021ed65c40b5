"""AMSNet learns from the mini corpus what can be learnt, and nothing from shuffled labels."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path

import pytest
from recipe_runs import REPOSITORY, environment

from speechbrain_ext.hparams import load_system

pytestmark = pytest.mark.slow
FOLDS = "03,08,13"
CHANCE = 1 / 7


def uar(folder: Path, cache: Path, source: str, *words: str) -> float:
    script = REPOSITORY / "recipes/EmoDB/run.sh"
    options = ["--exp", folder / "exp", "--data", folder / "data", "--protocol", "speaker", "--folds", FOLDS]
    done = subprocess.run(
        ["bash", *map(str, [script, *options, "--stop-stage", "3", *words])],
        env=environment(cache),
        capture_output=True,
        text=True,
        timeout=1800,
    )
    assert done.returncode == 0, done.stderr
    found = next((folder / f"exp/EmoDB-{source}").rglob("results.json"))
    return json.loads(found.read_text())["pooled"]["uar"]


def test_unseen_speakers_are_recognised_above_chance_and_not_perfectly(tmp_path):
    assert 2 * CHANCE < uar(tmp_path, tmp_path / "cache", "mini") < 0.95


def test_shuffled_labels_bring_it_to_chance(tmp_path, mini_emodb):
    files = sorted((mini_emodb / "wav").glob("*.wav"))
    codes = [path.name[5] for path in files]
    random.Random(1).shuffle(codes)
    shuffled = tmp_path / "shuffled"
    shuffled.mkdir()
    for path, code in zip(files, codes, strict=True):
        versions = "abcdefghijklmnopqrstuvwxyz"
        names = (f"{path.name[:5]}{code}{version}.wav" for version in versions)
        target = next(shuffled / name for name in names if not (shuffled / name).exists())
        target.write_bytes(path.read_bytes())
    mini = load_system(REPOSITORY / "recipes/EmoDB", "amsnet", source="mini").mini
    same = [word for key, value in mini.items() for word in (f"--{key}", json.dumps(value))]
    words = ["--corpus-root", str(shuffled), "--tag", "shuffled", "--", *same]
    # 84 tested utterances: chance plus three standard deviations.
    assert uar(tmp_path, tmp_path / "cache", "real", *words) < CHANCE + 3 * (CHANCE * (1 - CHANCE) / 84) ** 0.5
