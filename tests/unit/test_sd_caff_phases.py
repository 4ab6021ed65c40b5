"""SD-CAFF as a training step: the second task, what its loss has to learn, and a selection on the test part."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from data_folders import write_data, write_folds
from report_folders import plausible_results

from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.features.cache import FeatureCache
from speechbrain_ext.features.mfcc_frames import MfccFrames
from speechbrain_ext.losses.joint import JointCenterLoss
from speechbrain_ext.training.experiment import Experiment
from speechbrain_ext.training.fold import phases_of, predict_fold, train_fold
from speechbrain_ext.training.run_spec import RunSpec
from speechbrain_ext.utils.errors import UserError

CLASSES = tuple("anger boredom disgust fear happiness neutral sadness".split())
SPEAKERS, FOLD = ("03", "08", "09"), "08"
TINY = {"hidden_size": "8", "segment_s": "0.3", "epochs": "2", "batch_size": "27", "lr": "0.003"}


def tiny(**changes: str) -> tuple[str, ...]:
    """The words after `--`."""
    return tuple(f"--{key}={value}" for key, value in {**TINY, **changes}.items())


@pytest.fixture(scope="module")
def spec(tmp_path_factory, repository):
    """28 utterances of two speakers are trained on, of one or two segments each, whose classes their features tell."""
    folder, random = tmp_path_factory.mktemp("sd_caff"), np.random.default_rng(0)
    utterances, rows = [], {}
    extractor = MfccFrames(segment_s=0.3)
    for speaker, gender in zip(SPEAKERS, ("M", "F", None), strict=True):
        for number in range(14):
            name = f"{speaker}-{number:02d}"
            label = CLASSES[number % 7]
            known = {"id": name, "sha256": name, "speaker": speaker, "gender": gender, "label": label}
            utterances.append(Utterance(corpus="EmoDB", wav="x.wav", sample_rate_hz=16000, num_samples=4800, **known))
            segments = 2 if number == 5 else 1
            rows[name] = random.normal(size=(segments * extractor.segment_rows, 180)).astype("f4") + number % 7
    data = folder / "data/EmoDB-mini"
    write_data(data, utterances)
    write_folds(data, utterances, "speaker", task=Task(CLASSES))
    for delta_axis, segments in (("time", "all"), ("coefficient", "first")):
        official = {"delta_axis": delta_axis, "segments": segments, "silence_bug": segments == "first"}
        with FeatureCache(folder / "cache", MfccFrames(segment_s=0.3, **official)).writer() as writer:
            for name, frames in rows.items():
                writer.add(name, frames if segments == "all" else frames[: extractor.segment_rows])
    return RunSpec(
        recipe=str(repository / "recipes/EmoDB"),
        system="sd_caff",
        data=str(data),
        exp=str(folder / "exp"),
        cache=str(folder / "cache"),
        overrides=tiny(),
        protocol="speaker",
    )


def trained(spec: RunSpec, row: str, preset: str = "paper", **changes: str) -> tuple[dict, dict[str, torch.Tensor]]:
    """Facts of the fold, and the state that its step was left in."""
    run = replace(spec, row=row, overrides=tiny(**changes), preset=preset)
    facts = train_fold(run, FOLD)
    step = phases_of(Experiment(run), FOLD)[-1]
    state = torch.load(step.folder / "save" / step.done.checkpoint / "model.ckpt", weights_only=True)
    return facts, state


def test_a_last_batch_of_one_segment_is_left_out(spec):
    facts, state = trained(spec, "usual")
    # 30 segments of 28 utterances: one batch of 27, and one of 3
    assert facts.n_train == 28 and facts.optimizer_steps == 2 * 2
    assert {"criterion.center_emotion.centers", "criterion.center_gender.centers"} <= state.keys()
    facts, _ = trained(spec, "rest", batch_size="29")
    assert facts.optimizer_steps == 2 * 1, "a batch of 29, and 1 segment that no batch norm could be trained on"
    assert [output.id for output in predict_fold(spec, FOLD).test] == sorted(Experiment(spec).fold(FOLD).test)


def test_centers_have_an_optimiser_of_their_own_unless_they_share_adam(spec):
    name = "criterion.center_emotion.centers"
    _, still = trained(spec, "still", center_lr="0.0")
    _, own = trained(spec, "own", center_lr="0.1")
    _, joint = trained(spec, "joint", center_lr="null")
    step = phases_of(Experiment(replace(spec, row="still", overrides=tiny(center_lr="0.0"))), FOLD)[-1]
    torch.testing.assert_close(still[name], step._model().criterion.center_emotion.centers.data, rtol=0, atol=0)
    assert (own[name] - still[name]).abs().max() > 1e-4
    # Adam moves a weight by no more than about its rate a step
    moved = (joint[name] - still[name]).abs()
    assert 0 < moved.max() <= 4 * 0.003 * 1.5
    assert moved.min() > 0 or (moved > 0).sum() >= moved.numel() // 2


def test_the_official_preset_is_another_row_with_its_own_values(spec):
    facts, state = trained(spec, "official", preset="official")
    assert state["network.sd_caff.dynamic.lstm.weight_ih_l0"].shape[1] == 180, "all three parts"
    assert not any("reverse" in name for name in state), "one direction"
    assert facts.optimizer_steps == 2 * 1, "first segments only: 27 of 28, and one left out"


def test_the_official_factor_of_the_centers_follows_the_drops_of_the_rate(spec, monkeypatch):
    rates = []
    monkeypatch.setattr(JointCenterLoss, "follow_rate", lambda self, rate: rates.append(rate))
    facts, _ = trained(spec, "drops", preset="official", epochs="6")
    assert facts.optimizer_steps == 6, "one step an epoch"
    assert rates == pytest.approx([0.003] * 3 + [0.0003] * 2 + [0.00003])


@pytest.mark.parametrize(("preset", "kind"), [("paper", "effective"), ("official", "official")])
def test_the_presets_scale_the_gradient_of_the_centers(spec, preset, kind):
    run = replace(spec, row="scale", preset=preset)
    criterion = phases_of(Experiment(run), FOLD)[-1]._model().criterion
    assert criterion.center_gradient == kind
    criterion.follow_rate(0.0005)
    scales = [criterion.center_emotion.gradient_scale, criterion.center_gender.gradient_scale]
    expected = {"effective": [1 / 0.105, 1 / 0.045], "official": [0.1 / (0.15 * 0.0005), 1.0]}[kind]
    assert scales == pytest.approx(expected)


def test_utterances_of_a_class_are_trained_on_twice(spec):
    facts, _ = trained(spec, "twice", oversample_classes="[anger, fear]")
    assert facts.n_train == 28 and facts.optimizer_steps == 2 * 2
    step = phases_of(Experiment(replace(spec, row="twice", overrides=tiny(oversample_classes="[anger, fear]"))), FOLD)[
        -1
    ]
    train = sorted(step.experiment.fold(FOLD).train)
    doubled = step._dataset(train, None, step._oversampled(train))
    assert len(doubled) == 30 + 4 + 4
    again = [item for item in doubled if item["id"].endswith("+again")]
    first = {item["id"]: item for item in doubled}[again[0]["id"].removesuffix("+again")]
    assert {item["target"] for item in again} == {0, 3} and len(again) == 8
    assert torch.equal(again[0]["features"]["mfcc"], first["features"]["mfcc"])
    with pytest.raises(UserError, match="oversample_classes: joy"):
        trained(spec, "wrong", oversample_classes="[joy]")


def test_genders_are_those_of_the_manifest(spec):
    experiment = Experiment(spec)
    step = phases_of(experiment, FOLD)[-1]
    found = {item["id"][:2]: item["gender"] for item in step._dataset(sorted(experiment.utterances))}
    assert found == {"03": 1, "08": 0, "09": -1}


def test_shuffled_labels_are_in_the_training_dataset_alone(spec):
    experiment = Experiment(replace(spec, row="shuffled", overrides=tiny(shuffle_labels="True")))
    ids = sorted(experiment.fold(FOLD).train)

    def targets(run, training):
        step = phases_of(run, FOLD)[-1]
        return [item["target"] for item in step._dataset(ids, training=training)]

    true = targets(Experiment(spec), training=True)
    assert targets(experiment, training=False) == targets(Experiment(spec), training=False) == true
    dealt = targets(experiment, training=True)
    assert dealt != true and len(dealt) == len(true)
    trained = Counter(item.label for item in phases_of(experiment, FOLD)[-1]._utterances(ids, training=True))
    assert trained == Counter(experiment.utterances[identity].label for identity in ids)


def test_a_selection_on_the_test_part_says_what_it_gained(spec):
    run = replace(spec, row="test", overrides=tiny(epochs="4"), selection="test")
    facts = train_fold(run, FOLD)
    step = phases_of(Experiment(run), FOLD)[-1]
    log = [json.loads(line) for line in (step.folder / "train_log-sd_caff.jsonl").read_text().splitlines()]
    scores = [row["dev_uar"] for row in log]
    assert facts.optimism["uar"] == pytest.approx(max(scores) - scores[-1])
    assert facts.optimism["wa"] == pytest.approx(log[scores.index(max(scores))]["dev_wa"] - log[-1]["dev_wa"])
    results = plausible_results(selection="test")
    told = replace(results, folds=(replace(results.folds[0], optimism=facts.optimism),)).optimism
    assert "selected on the test fold" in told and f"UAR {100 * (max(scores) - scores[-1]):+.2f}" in told
    assert train_fold(spec, FOLD).optimism is None


def test_what_the_loss_cannot_do_is_told(spec):
    with pytest.raises(UserError, match="class_weights"):
        trained(spec, "weights", class_weights="True")
    with pytest.raises(UserError, match="dynamic"):
        trained(spec, "input", dynamic="M+X")


def test_fixed_epochs_end_the_training_early_and_leave_the_rates_as_scheduled(spec, tmp_path):
    """A model of all data is trained as long as a cross-validation chose, with the rates that it was chosen with."""
    overrides = tiny(epochs="10")
    rates = {}
    for epochs in (3, 10):
        fixed = replace(spec, overrides=overrides, exp=str(tmp_path / str(epochs)), phase_epochs=(f"sd_caff={epochs}",))
        train_fold(fixed, FOLD)
        log = next((tmp_path / str(epochs)).rglob("train_log-sd_caff.jsonl")).read_text().splitlines()
        rates[epochs] = [json.loads(line)["lr"] for line in log]
    assert [len(rates[epochs]) for epochs in (3, 10)] == [3, 10]
    assert rates[3] == rates[10][:3] == [rates[10][0]] * 3 and rates[10][-1] < rates[10][0]
