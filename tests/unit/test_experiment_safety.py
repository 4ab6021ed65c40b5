"""An experiment touches nothing outside its folder, and uses nothing that is damaged or made from other inputs."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from data_folders import write_data, write_folds
from run_requests import request_of

from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.evaluation.evaluate import evaluate
from speechbrain_ext.evaluation.results_files import read_results
from speechbrain_ext.features.cache import FeatureCache
from speechbrain_ext.features.functionals import Functionals
from speechbrain_ext.training import launch
from speechbrain_ext.training.changes import changed_values
from speechbrain_ext.training.experiment import Experiment
from speechbrain_ext.training.extract import extract
from speechbrain_ext.training.fold import is_trained
from speechbrain_ext.training.run_spec import RunSpec
from speechbrain_ext.training.train import train
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import DamagedFile, read_sealed
from speechbrain_ext.utils.folders import check_inside, folder_name, remove_folder

TASK = Task(("anger", "sadness"))
HOSTILE = [
    "../../../../victim",
    "/victim",
    "a/b",
    "..",
    ".",
    "x" * 300,
    "é/ü",
    "~root",
    "-rf",
    "a\\b",
    "fold-03",
    "A b",
]


@pytest.fixture(scope="module", autouse=True)
def needs_opensmile():
    pytest.importorskip("opensmile", reason="openSMILE is an extra")


@pytest.fixture(scope="module", autouse=True)
def in_one_process():
    with pytest.MonkeyPatch.context() as patch:
        make_light(patch)
        yield


def make_light(monkeypatch):
    monkeypatch.setattr(
        launch, "map_folds", lambda function, tasks, *_, **__: {task: function(*task) for task in tasks}
    )


def make_corpus(folder, speakers):
    """A prepared corpus of eight utterances a speaker, with features that separate its two classes."""
    random = np.random.default_rng(0)
    utterances = [
        Utterance(
            id=f"u{number:02d}{label}{take}",
            corpus="EmoDB",
            wav="x.wav",
            speaker=speaker,
            label=label,
            sha256=f"{number}{label}{take}",
            sample_rate_hz=16000,
            num_samples=16000,
        )
        for number, speaker in enumerate(speakers)
        for label in TASK.classes
        for take in range(4)
    ]
    data = folder / "data/EmoDB-mini"
    write_data(data, utterances, source="mini", task=TASK)
    write_folds(data, utterances, "speaker", task=TASK)
    with FeatureCache(folder / "cache", Functionals("eGeMAPSv02")).writer() as writer:
        for utterance in utterances:
            row = random.normal(size=88) + 2 * TASK.classes.index(utterance.label)
            writer.add(utterance.sha256, row.astype("f4")[None])


def options(folder, repository, **changes):
    words = {"variant": "egemaps", "classes": "[anger, sadness]", "c_grid": "[0.01]"}
    overrides = [word for key, value in words.items() for word in (f"--{key}", value)]
    known = {
        "recipe": repository / "recipes/EmoDB",
        "system": "svm",
        "data": folder / "data/EmoDB-mini",
        "exp": folder / "exp",
        "cache": folder / "cache",
        "tag": "x",
        "overrides": overrides,
        "protocol": "speaker",
    }
    options = [word for key, value in {**known, **changes}.items() for word in _words(key, value)]
    return request_of([*options, "--device", "cpu", "--jobs", "1", "--", *{**known, **changes}["overrides"]])


def _words(key, value):
    if key == "overrides":
        return []
    return [f"--{key}"] if value is True else [f"--{key}", str(value)]


def spec_of(request) -> RunSpec:
    return request.specs[0]


def tree(folder):
    """Every path below a folder but those of the experiments and the inputs."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def run_both(args):
    train(args)
    evaluate(args)


def test_names_from_data_stay_inside_the_experiment_and_are_recorded(tmp_path, repository):
    home = tmp_path / "a/b/c/d/e/f/home"
    make_corpus(home, HOSTILE)
    victim = tmp_path / "a/b/c/victim"
    (victim / "precious").mkdir(parents=True)
    args = options(home, repository)
    before = tree(tmp_path / "a/b/c/victim")
    run_both(args)
    run_both(options(home, repository, force=True))
    assert tree(victim) == before
    assert {path.name for path in home.iterdir()} == {"data", "exp", "cache"}
    assert {path.name for path in tmp_path.iterdir()} == {"a"}
    run = Experiment(spec_of(args))
    folders = sorted(run.seed_folder.glob("fold-*"))
    assert len(folders) == len(HOSTILE) and all(len(folder.name) < 60 for folder in folders)
    assert sorted(json.loads((folder / "fold.json").read_text())["fold"] for folder in folders) == sorted(HOSTILE)
    results = read_results(run.seed_folder / "results.json")
    assert sorted(fold.name for fold in results.folds) == sorted(HOSTILE)


def test_folder_names_are_distinct_short_and_plain():
    names = [*HOSTILE, *(f"{'n' * 200}{number}" for number in range(50)), "a b", "a_b", "a-b", "A-b", "", " "]
    found = [folder_name(name) for name in names]
    assert len(set(found)) == len(set(names))
    assert all(re.fullmatch(r"[A-Za-z0-9_~-]{1,40}", name) and name not in (".", "..") for name in found)
    assert not any(name.startswith("-") for name in found)
    assert [folder_name(name) for name in ("03", "Ses01F", "03-a", "F_1")] == ["03", "Ses01F", "03-a", "F_1"]


def test_links_that_lead_outside_are_neither_written_nor_removed(tmp_path, repository):
    make_corpus(tmp_path, ["s1", "s2"])
    args = options(tmp_path, repository)
    train(args)
    run = Experiment(spec_of(args))
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("kept")
    remove_folder(tmp_path, run.seed_folder / "fold-s1")
    os.symlink(outside, run.seed_folder / "fold-s1")
    for changes in ({}, {"force": True}):
        with pytest.raises(UserError, match="expected a path inside"):
            train(options(tmp_path, repository, **changes))
    assert [path.name for path in outside.iterdir()] == ["precious"]
    with pytest.raises(UserError, match="expected a path inside"):
        remove_folder(run.seed_folder, run.seed_folder)
    with pytest.raises(UserError, match="expected a path inside"):
        check_inside(tmp_path / "exp", tmp_path / "exp/../outside")
    assert outside.exists()


@pytest.fixture(scope="module")
def original(tmp_path_factory, repository, in_one_process):
    """A trained and scored run, which tests copy."""
    folder = tmp_path_factory.mktemp("original")
    make_corpus(folder, ["s1", "s2", "s3"])
    run_both(options(folder, repository))
    return folder


@pytest.fixture
def scored(tmp_path, repository, original):
    shutil.copytree(original, tmp_path, dirs_exist_ok=True)
    args = options(tmp_path, repository)
    run = Experiment(spec_of(args))
    return SimpleNamespace(args=args, run=run, folder=run.seed_folder, predictions=read(run, "predictions.csv"))


def read(run, name):
    return (run.seed_folder / name).read_bytes()


def one_bit(data: bytes) -> bytes:
    spoilt = bytearray(data)
    spoilt[len(spoilt) // 2] ^= 1
    return bytes(spoilt)


DAMAGES = {
    "one bit": one_bit,
    "cut off": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "missing": None,
}


def damage(path, how):
    if DAMAGES[how] is None:
        path.unlink()
    else:
        path.write_bytes(DAMAGES[how](path.read_bytes()))


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize(
    "name", ["model-egemaps.npz", "done-egemaps.json", "train_log-egemaps.jsonl", "depends-egemaps.json"]
)
def test_a_damaged_training_is_named_and_made_again_by_the_same_command(scored, capsys, name, how):
    folder = scored.run.phase_folder("egemaps", "s2")
    damage(folder / name, how)
    assert not is_trained(scored.run, "s2") and is_trained(scored.run, "s1")
    with pytest.raises(UserError) as fault:
        evaluate(scored.args)
    assert "--stage 2" in str(fault.value) and "\n" not in str(fault.value)
    if (name, how) != ("done-egemaps.json", "missing"):
        assert isinstance(fault.value, DamagedFile) and f"{folder / name}: " in str(fault.value)
    capsys.readouterr()
    train(scored.args)
    told = capsys.readouterr().out
    if (name, how) != ("done-egemaps.json", "missing"):
        assert f"warning: {folder / name}: " in told and "phase egemaps of fold s2 is trained again" in told
    evaluate(scored.args)
    assert read(scored.run, "predictions.csv") == scored.predictions
    assert "2 of 3 folds are trained already" in told


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("name", ["predictions.csv", "results.json", "embeddings.npz"])
def test_a_damaged_score_is_named_and_made_again_by_the_same_command(scored, capsys, name, how):
    damage(scored.folder / name, how)
    evaluate(scored.args)
    told = capsys.readouterr().out
    assert name == "results.json" and how == "missing" or f"warning: {scored.folder / name}: " in told
    assert read(scored.run, "predictions.csv") == scored.predictions
    assert read_results(scored.folder / "results.json").pooled.n == 24
    evaluate(scored.args)
    assert "warning" not in capsys.readouterr().out


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("name", ["depends.json", "spec.json"])
def test_a_damaged_record_of_the_inputs_is_written_again(scored, name, how):
    before = read_sealed(scored.folder / name, "")
    damage(scored.folder / name, how)
    run_both(scored.args)
    places = dict.fromkeys(("exp", "data", "cache"))
    assert {**read_sealed(scored.folder / name, ""), **places} == {**before, **places}
    assert read(scored.run, "predictions.csv") == scored.predictions


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_record_of_the_inputs_hides_no_other_inputs(tmp_path, repository, scored, how):
    damage(scored.folder / "depends.json", how)
    words = scored.args.specs[0].overrides
    other = options(tmp_path, repository, overrides=[*words[:-1], "[0.5]"])
    with pytest.raises(
        UserError, match=r"made from other inputs: c_grid was \[0.01\], now \[0.5\]: give this run a name"
    ):
        train(other)


def test_other_inputs_are_listed_with_both_values(tmp_path, repository, scored):
    words = [*scored.args.specs[0].overrides[:-1], "[0.5]", "--clip_deviations", "3.0"]
    with pytest.raises(UserError) as fault:
        train(options(tmp_path, repository, overrides=words))
    assert "clip_deviations was 10.0, now 3.0; c_grid was" in str(fault.value).replace(
        "c_grid was [0.01], now [0.5]; clip_deviations was 10.0, now 3.0",
        "clip_deviations was 10.0, now 3.0; c_grid was",
    )
    with pytest.raises(UserError, match="c_grid was"):
        extract(options(tmp_path, repository, overrides=words))
    spec = replace(scored.run.spec, precision="bf16")
    with pytest.raises(UserError, match='precision was "fp32", now "bf16"'):
        Experiment(spec).check_claim()


@pytest.mark.parametrize(
    ("found", "wanted", "listed"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, ["a was 1, now 2"]),
        ({"a": {"b": [1]}}, {"a": {"b": [2]}}, ["a.b was [1], now [2]"]),
        ({"keys": {"lr": 1}, "hparams_sha256": "x"}, {"keys": {"lr": 2}, "hparams_sha256": "y"}, ["lr was 1, now 2"]),
        ({"hparams": {}, "hparams_sha256": "x"}, {"hparams": {}, "hparams_sha256": "y"}, ["hparams"]),
        ({"a": None}, {}, ["a was null, now absent"]),
        ({}, {"a": "x" * 100}, [f'a was absent, now "{"x" * 56}...']),
        ({"folds_sha256": "x"}, {"folds_sha256": "y"}, ["folds"]),
    ],
)  # fmt: skip
def test_changed_values(found, wanted, listed):
    assert changed_values(found, wanted) == listed


def test_force_does_not_remove_a_step_that_another_run_trains(tmp_path, repository, scored):
    from speechbrain_ext.utils.files import folder_lock

    folder = scored.run.phase_folder("egemaps", "s2")
    with folder_lock(folder), pytest.raises(UserError, match="is in use by process"):
        train(options(tmp_path, repository, force=True))
    assert (folder / "model-egemaps.npz").exists()
