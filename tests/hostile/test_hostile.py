"""Hostile input of every kind ends with one clear line or does what a user expects, and touches nothing outside."""

from __future__ import annotations

import os
import signal
from collections import Counter
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from place import CASES, KINDS, LIMIT_S, SLOW, Place, emodb, run_words, snapshot

REPOSITORY = Path(__file__).resolve().parents[2]
for _path in sorted(Path(__file__).parent.glob("*_cases.py")):
    import_module(_path.stem)


@pytest.fixture(scope="module")
def light():
    """Folds in this process and small pictures: starting workers and drawing would take most of the time."""
    from speechbrain_ext.report import page
    from speechbrain_ext.report.figures import run_figures
    from speechbrain_ext.training import launch

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch, "map_folds", lambda function, tasks, *_, **__: {task: function(*task) for task in tasks})
        for module in (page, run_figures):
            patch.setattr(module, "draw_file", lambda path, *build: path.write_bytes(b"a small picture"))
            patch.setattr(module, "draw_print", lambda stem, *build: [])
        patch.setattr(page, "png_bytes", lambda *build: b"a small picture")
        yield


@pytest.fixture(scope="module")
def scored(tmp_path_factory, light):
    """A corpus in EmoDB's layout, prepared, with cached features, trained and scored by an SVM."""
    pytest.importorskip("opensmile", reason="openSMILE is an extra")
    from speechbrain_ext.bin import evaluate, prepare, train
    from speechbrain_ext.corpora.data_folder import read_facts, read_utterances
    from speechbrain_ext.features.cache import FeatureCache
    from speechbrain_ext.features.functionals import Functionals

    work = tmp_path_factory.mktemp("scored")
    root, data = emodb(work / "corpus"), work / "data"
    words = ["--corpus", "EmoDB", "--corpus-root", str(root), "--data", str(data), "--jobs", "1"]
    keys = ["--variant", "egemaps", "--classes", "[anger, neutral]"]
    recipe = ["--recipe", str(REPOSITORY / "recipes/EmoDB"), "--system", "svm", "--protocol", "speaker"]
    prepare.main([*words, *recipe, "--corpus-edition", "a copy for tests", "--", *keys])
    folder, random = data / "EmoDB-real", np.random.default_rng(0)
    with FeatureCache(work / "cache", Functionals("eGeMAPSv02")).writer() as writer:
        for utterance in read_utterances(folder, read_facts(folder)):
            row = random.normal(size=88) + 2 * (utterance.label == "anger")
            writer.add(utterance.sha256, row.astype("f4")[None])
    for module in (train, evaluate):
        module.main([str(word) for word in run_words(work)])
    return work


@pytest.fixture
def place(tmp_path, capsys, monkeypatch, scored):
    """A place for an attack; afterwards, nothing outside its folder `work` has changed."""
    found = Place(tmp_path, capsys, monkeypatch, scored)
    outside = REPOSITORY / "recipes"
    before, kept = snapshot(tmp_path, found.work), snapshot(outside, outside / "none")
    monkeypatch.chdir(found.work)
    previous = signal.signal(signal.SIGALRM, _too_long)
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
    umask = os.umask(0o022)
    try:
        yield found
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
        os.umask(umask)
    assert snapshot(tmp_path, found.work) == before
    assert snapshot(outside, outside / "none") == kept


def _too_long(number, frame):
    raise AssertionError(f"it hangs: no end after {LIMIT_S} s")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in sorted(CASES)]
)
def test_attack(place, name):
    CASES[name](place)


def test_there_are_at_least_sixty_attacks_of_every_kind(capsys):
    counts = Counter(name.split("-")[0] for name in CASES)
    with capsys.disabled():
        print("\nattacks:", ", ".join(f"{kind} {counts[kind]}" for kind in KINDS), f"= {sum(counts.values())}")
    assert sum(counts.values()) >= 60 and set(counts) == set(KINDS)
