"""A training step that is no network: what it sees, what it leaves, and that a kill spoils nothing."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from data_folders import write_data, write_folds

from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.evaluation.provenance import run_facts
from speechbrain_ext.features.cache import FeatureCache
from speechbrain_ext.features.functionals import Functionals
from speechbrain_ext.training import classifier_phase
from speechbrain_ext.training import phase as phase_module
from speechbrain_ext.training.classifier_phase import ClassifierPhase
from speechbrain_ext.training.experiment import Experiment
from speechbrain_ext.training.finished import read_done, write_done
from speechbrain_ext.training.fold import fold_facts, is_trained, phases_of, predict_fold, torch_settings, train_fold
from speechbrain_ext.training.run_spec import RunSpec
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import DamagedFile

CLASSES = ["anger", "boredom", "disgust", "fear", "happiness", "neutral", "sadness"]
TASK = Task(tuple(CLASSES))
SPEAKERS = ["03", "08", "09", "10", "11"]
FOLD = "08"


@pytest.fixture(scope="module", autouse=True)
def needs_opensmile():
    pytest.importorskip("opensmile", reason="openSMILE is an extra")


def rows_of(utterances):
    """Rows that tell the classes apart, not too easily, with an offset of each speaker."""
    random = np.random.default_rng(0)
    centres = random.normal(size=(len(CLASSES), 88))
    offsets = {speaker: 3 * random.normal(size=88) for speaker in SPEAKERS}
    return {
        u.id: (centres[CLASSES.index(u.label)] + offsets[u.speaker] + 1.5 * random.normal(size=88)).astype("f4")
        for u in utterances
    }


def make_corpus(folder, change=None):
    """Data folder and cache of 140 utterances; `change` alters the rows by id before they are kept."""
    utterances = [
        Utterance(
            id=f"{speaker}{label}{take}", corpus="EmoDB", wav="x.wav", speaker=speaker, text_id=f"t{take}",
            label=label, sha256=f"{speaker}{label}{take}", sample_rate_hz=16000, num_samples=16000,
        )
        for speaker in SPEAKERS for label in CLASSES for take in range(4)
    ]  # fmt: skip
    data = folder / "data/EmoDB-mini"
    write_data(data, utterances, source="mini", task=TASK)
    write_folds(data, utterances, "speaker", task=TASK)
    rows = rows_of(utterances)
    if change:
        change(rows)
    with FeatureCache(folder / "cache", Functionals("eGeMAPSv02")).writer() as writer:
        for utterance in utterances:
            writer.add(utterance.sha256, rows[utterance.id][None])


def spec_of(folder, repository, *overrides) -> RunSpec:
    return RunSpec(
        recipe=str(repository / "recipes/EmoDB"),
        system="svm",
        data=str(folder / "data/EmoDB-mini"),
        exp=str(folder / "exp"),
        cache=str(folder / "cache"),
        overrides=("--variant", "egemaps", *overrides),
        protocol="speaker",
    )


def phase_of(spec, fold=FOLD) -> ClassifierPhase:
    return phases_of(Experiment(spec), fold)[-1]


def model(spec, fold=FOLD) -> dict[str, np.ndarray]:
    with np.load(phase_of(spec, fold).folder / "model-egemaps.npz", allow_pickle=False) as stored:
        return dict(stored)


@pytest.fixture
def spec(tmp_path, repository):
    make_corpus(tmp_path)
    return spec_of(tmp_path, repository)


def test_what_it_sets_in_torch_it_puts_back(spec):
    smallest = np.float32(1e-45)
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with torch_settings(2):
        assert torch.get_num_threads() == 2 and torch.are_deterministic_algorithms_enabled()
        assert smallest * np.float32(1) == 0
    train_fold(spec, FOLD)
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before
    assert smallest * np.float32(1) > 0


def test_it_leaves_what_a_network_leaves_and_predicts(spec):
    facts = train_fold(spec, FOLD)
    assert (facts.epochs, facts.optimizer_steps, facts.parameters) == (1, 0, 21 * 89)
    assert facts.warnings == ("posteriors are a softmax of SVM scores, not calibrated",)
    step = phase_of(spec)
    assert isinstance(step, ClassifierPhase) and step.done.phase == "egemaps"
    row = json.loads((step.folder / "train_log-egemaps.jsonl").read_text())
    assert row["epoch"] == 1 and row["phase_name"] == "egemaps" and row["train_wa"] > 0.9
    stored = model(spec)
    names = {"mean", "deviation", "coefficients", "intercepts", "C", "classes", "class_names"}
    assert set(stored) == names and stored["class_names"].tolist() == CLASSES
    outputs = predict_fold(spec, FOLD).test
    assert [output.id for output in outputs] == sorted(step.experiment.fold(FOLD).test)
    for output in outputs:
        assert sum(np.exp(output.predicted)) == pytest.approx(1)
        assert np.argmax(output.embedding) == np.argmax(output.predicted)
    right = [int(np.argmax(output.predicted)) == output.truth for output in outputs]
    assert sum(right) > 14, "half of 28 utterances at least: chance is 4"


def test_test_utterances_change_nothing_in_the_model(spec, tmp_path, repository):
    def spoil(rows):
        for identity in rows:
            if identity.startswith(FOLD):
                rows[identity] = rows[identity] * -50 + 1000

    make_corpus(tmp_path / "spoilt", spoil)
    other = spec_of(tmp_path / "spoilt", repository)
    for one in (spec, other):
        train_fold(one, FOLD)
    one, two = model(spec), model(other)
    assert all(np.array_equal(one[name], two[name]) for name in one)
    train_fold(spec, "03"), train_fold(other, "03")
    assert not np.array_equal(model(spec, "03")["mean"], model(other, "03")["mean"]), "there they are trained on"


def test_normalised_per_speaker_an_offset_of_a_speaker_changes_nothing(tmp_path, repository):
    def shift(rows):
        for identity in rows:
            if identity.startswith(FOLD):
                rows[identity] = rows[identity] * 2 + 5

    outputs = []
    for name, change in (("plain", None), ("shifted", shift)):
        make_corpus(tmp_path / name, change)
        spec = spec_of(tmp_path / name, repository, "--speaker_normalisation", "True")
        train_fold(spec, FOLD)
        outputs.append([output.embedding for output in predict_fold(spec, FOLD).test])
    np.testing.assert_allclose(*outputs, atol=1e-3)


@pytest.mark.parametrize("moment", ["model", "log", "done"])
def test_killed_before_any_file_and_resumed_is_the_same(spec, tmp_path, repository, monkeypatch, moment):
    class Killed(BaseException):
        pass

    def kill(*_, **__):
        raise Killed

    name = {"model": "replacing", "log": "write_text", "done": "write_done"}[moment]
    with monkeypatch.context() as patch:
        patch.setattr(phase_module if moment == "done" else classifier_phase, name, kill)
        with pytest.raises(Killed):
            train_fold(spec, FOLD)
    assert not is_trained(Experiment(spec), FOLD)
    with pytest.raises(UserError, match="--stage 2"):
        predict_fold(spec, FOLD)
    train_fold(spec, FOLD)
    make_corpus(tmp_path / "undisturbed")
    other = spec_of(tmp_path / "undisturbed", repository)
    train_fold(other, FOLD)
    one, two = model(spec), model(other)
    assert all(np.array_equal(one[key], two[key]) for key in one)
    assert predict_fold(spec, FOLD).test == predict_fold(other, FOLD).test
    assert not [path for path in phase_of(spec).folder.iterdir() if path.suffix == ".part"]


def test_a_whole_step_is_not_fitted_again(spec):
    train_fold(spec, FOLD)
    done = phase_of(spec).folder / "done-egemaps.json"
    before = done.stat().st_mtime_ns
    ticks = []

    def tick(step, epoch):
        ticks.append((step, epoch))

    train_fold(spec, FOLD, tick)
    assert done.stat().st_mtime_ns == before and not ticks
    train_fold(spec, "03", tick)
    assert ticks == [("egemaps", 1)]


def test_a_damaged_model_is_named_and_fitted_again(spec, capsys):
    train_fold(spec, FOLD)
    path = phase_of(spec).folder / "model-egemaps.npz"
    before = path.read_bytes()
    path.write_bytes(before[:100])
    with pytest.raises(DamagedFile, match=r"model-egemaps\.npz.*make it again with: ./run.sh --stage 2") as fault:
        predict_fold(spec, FOLD)
    assert "\n" not in str(fault.value)
    assert not is_trained(Experiment(spec), FOLD)
    train_fold(spec, FOLD)
    assert "model-egemaps.npz" in (told := capsys.readouterr().out) and "trained again" in told
    assert path.read_bytes() == before


def test_a_model_that_holds_other_arrays_is_refused_in_one_line(spec):
    train_fold(spec, FOLD)
    folder = phase_of(spec).folder
    (folder / "model-egemaps.npz").write_bytes(b"PK no archive")
    facts = read_done(folder, "egemaps")
    write_done(folder, facts, list(facts.files))
    with pytest.raises(UserError, match=r"expected the arrays of a trained classifier.*--force") as fault:
        predict_fold(spec, FOLD)
    assert "\n" not in str(fault.value)


def test_a_feature_of_frames_is_refused_by_name(spec):
    train_fold(spec, FOLD)
    step = phase_of(spec)
    step.sources[0].cache.get = lambda key: np.zeros((3, 88), dtype="f4")
    with pytest.raises(UserError, match="expected one row per utterance, found 3"):
        step.outputs(step.experiment.fold(FOLD).test)


def test_selection_on_the_test_part_is_refused(spec):
    with pytest.raises(UserError, match="--selection test"):
        train_fold(replace(spec, selection="test"), FOLD)


def test_facts_of_a_fold_are_plain_numbers(spec):
    train_fold(spec, FOLD)
    assert fold_facts(Experiment(spec), FOLD).phases["egemaps"].selected_epoch == 1


def test_shuffled_labels_are_those_of_the_training_part_and_bring_scores_to_chance(spec):
    """The check of honesty: nothing but the trained labels changes, and what is tested keeps its own."""
    check = replace(spec, row="shuffled", overrides=(*spec.overrides, "--shuffle_labels", "true"))
    phase, ids = phase_of(check), sorted(Experiment(check).fold(FOLD).train)
    true, dealt = phase._targets(ids), phase._targets(ids, training=True)
    assert sorted(true) == sorted(dealt) and sum(a == b for a, b in zip(true, dealt, strict=True)) < len(ids) / 3
    assert dealt == phase_of(check)._targets(ids, training=True), "the same each time"
    assert dealt != phase_of(replace(check, seed=2))._targets(ids, training=True)
    assert phase_of(spec)._targets(ids, training=True) == true
    scores = {}
    for run in (spec, check):
        train_fold(run, FOLD)
        outputs = predict_fold(run, FOLD).test
        assert [CLASSES[one.truth] for one in outputs] == [one.id.removeprefix(FOLD)[:-1] for one in outputs]
        scores[run.row] = np.mean([np.argmax(one.predicted) == one.truth for one in outputs])
    assert scores["default"] > 0.5 and scores["shuffled"] < 0.4


def test_a_run_on_shuffled_labels_says_so(spec):
    check = replace(spec, row="shuffled", overrides=(*spec.overrides, "--shuffle_labels", "true"))
    for run, words in ((spec, 0), (check, 1)):
        facts = run_facts(Experiment(run), [train_fold(run, FOLD)])
        assert sum(warning.startswith("shuffled: trained on labels") for warning in facts.warnings) == words


def test_a_model_is_adapted_to_the_utterances_that_are_scored_as_the_target_s_own_task_says(tmp_path, repository):
    """Excited counts as happiness on the target alone: the source's task would leave these utterances out."""
    make_corpus(tmp_path)
    random = np.random.default_rng(5)
    labels = ["anger", "excited", "sadness", "fear"]
    measured = {"corpus": "Other", "wav": "x.wav", "sample_rate_hz": 16000, "num_samples": 16000}
    target = [
        Utterance(id=f"t{number}", speaker="t", label=labels[number % 4], sha256=f"t{number}", **measured)
        for number in range(40)
    ]
    write_data(tmp_path / "data/Other-mini", target, source="mini", task=Task(("anger", "happiness", "sadness")))
    rows = {each.id: random.normal(number % 4, 1 + number % 4, size=88) for number, each in enumerate(target)}
    with FeatureCache(tmp_path / "cache", Functionals("eGeMAPSv02")).writer() as writer:
        for utterance in target:
            writer.add(utterance.sha256, rows[utterance.id].astype("f4")[None])
    of_target = Task(("anger", "happiness", "sadness"), merge_excited=True)
    folder = str(tmp_path / "data/Other-mini")
    spec = replace(
        spec_of(tmp_path, repository), method="coral", target=folder, target_task=json.dumps(of_target.to_dict())
    )
    train_fold(spec, FOLD)
    (model,) = (tmp_path / "exp").rglob("*.npz")
    scored = np.stack([rows[each.id] for each in target if each.label != "fear"]).astype("f4")
    with np.load(model) as arrays:
        assert np.allclose(arrays["mean"], scored.mean(axis=0), atol=1e-5)
        assert np.allclose(arrays["deviation"], scored.std(axis=0), atol=1e-5)
    other = replace(spec, target_task=json.dumps(replace(of_target, merge_excited=False).to_dict()))
    assert Experiment(other).phase_depends("egemaps", FOLD) != Experiment(spec).phase_depends("egemaps", FOLD)


def test_the_utterance_that_is_not_finite_is_named(spec):
    rows = np.array([[0.0, 1.0], [np.nan, 0.0], [1.0, np.inf]])
    with pytest.raises(UserError, match="phase egemaps: the features of utterance b are not finite"):
        phase_of(spec)._check_finite(rows, ["a", "b", "c"], "features")
