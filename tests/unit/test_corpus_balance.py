"""Corpora trained on together: each weighs the same, and each is standardised with its own mean where asked for."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from data_folders import write_data, write_folds
from sklearn.svm import SVC, SVR

from speechbrain_ext.corpora.joint import JOINT
from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.dataio.corpus_balance import group_weights, training_groups
from speechbrain_ext.evaluation.provenance import run_facts
from speechbrain_ext.features.cache import FeatureCache
from speechbrain_ext.features.functionals import Functionals
from speechbrain_ext.features.lld import LowLevelDescriptors
from speechbrain_ext.hparams import load_system
from speechbrain_ext.training.brain import EmotionBrain
from speechbrain_ext.training.experiment import Experiment
from speechbrain_ext.training.fold import fold_facts, phases_of, train_fold
from speechbrain_ext.training.methods import METHODS
from speechbrain_ext.training.run_spec import RunSpec
from speechbrain_ext.training.svm import LinearSVM
from speechbrain_ext.training.svr import LinearSVR
from speechbrain_ext.utils.errors import UserError

CLASSES = ("anger", "neutral", "sadness")
TASK = Task(CLASSES)
# Utterances of a speaker by class: A is large and has much anger, B is small and has little.
COUNTS = {"A": (8, 4, 2), "B": (1, 2, 2)}
SPEAKERS = ("03", "08", "09")
FOLD = "A:03"
C = 0.01
DIM = 88


def test_groups_are_corpora_or_classes_of_corpora():
    corpora, targets = ["B", "A", "A", "A"], [0, 1, 0, 1]
    assert training_groups(corpora, targets, "none") == [0, 0, 0, 0]
    assert training_groups(corpora, targets, "none", by_class=True) == [0, 1, 0, 1]
    assert training_groups(corpora, targets, "corpus") == [1, 0, 0, 0]
    for balance, by_class in (("corpus_class", False), ("corpus", True)):
        assert training_groups(corpora, targets, balance, by_class) == [2, 1, 0, 1]
    assert training_groups(["A"] * 3, [0, 1, 1], "corpus_class") == [0, 0, 0], "nothing to balance in a single corpus"


def test_weights_have_one_sum_by_group_and_mean_1():
    groups = np.repeat([0, 1, 2], [70, 20, 10])
    weights = group_weights(groups)
    assert [weights[groups == group].sum() for group in range(3)] == pytest.approx([100 / 3] * 3)
    assert weights.mean() == pytest.approx(1)


def two_corpora(seed: int = 0):
    """Rows of a corpus of 60 and of another of 20 utterances, with classes, values, speakers and corpora."""
    random = np.random.default_rng(seed)
    corpora = ["A"] * 60 + ["B"] * 20
    targets = random.integers(0, 2, 80)
    rows = random.normal(size=(80, 6)) + targets[:, None] * ([[0.8]] * 60 + [[-0.4]] * 20)
    values = np.stack([rows[:, 0] + 0.3 * random.normal(size=80), random.normal(size=80)], axis=1)
    return rows, targets, values, [f"{number % 5}" for number in range(80)], corpora


def repeated(corpora: list[str], rows: np.ndarray) -> np.ndarray:
    """Each utterance of the small corpus three times: as many as the large one has."""
    return np.concatenate([rows, *[rows[np.array(corpora) == "B"]] * 2])


def test_a_balanced_machine_is_one_whose_small_corpus_stands_there_as_often_as_the_large_one():
    rows, targets, _, speakers, corpora = two_corpora()
    groups = training_groups(corpora, targets, "corpus")
    ours = LinearSVM(2, [C], class_weight=None).fit(rows, targets, speakers, groups)
    standard = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    # 80 utterances weigh 1 on average: 40 / 60 each of the large corpus.
    plain = SVC(C=C * 40 / 60, kernel="linear").fit(repeated(corpora, standard), repeated(corpora, targets))
    # libsvm stops at a tolerance of 0.001.
    np.testing.assert_allclose(ours.model["coefficients"], -plain.coef_, atol=1e-3)
    np.testing.assert_allclose(ours.model["intercepts"], -plain.intercept_, atol=1e-2)
    unbalanced = LinearSVM(2, [C], class_weight=None).fit(rows, targets, speakers)
    assert np.abs(unbalanced.model["coefficients"] - ours.model["coefficients"]).max() > 1e-2


def test_a_balanced_regressor_is_one_whose_small_corpus_stands_there_as_often_as_the_large_one():
    rows, targets, values, speakers, corpora = two_corpora()
    ours = LinearSVR([C]).fit(rows, values, speakers, training_groups(corpora, targets, "corpus"))
    standard = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    units = (values - values.mean(axis=0)) / values.std(axis=0)
    for number in range(2):
        plain = SVR(C=C * 40 / 60, kernel="linear")
        plain.fit(repeated(corpora, standard), repeated(corpora, units[:, number]))
        np.testing.assert_allclose(ours.model["coefficients"][number], plain.coef_[0], atol=1e-5)


def test_c_is_chosen_with_the_weights_of_each_inner_training_part():
    rows, targets, _, speakers, corpora = two_corpora(3)
    grid = [0.001, 0.01, 0.1]
    groups = training_groups(corpora, targets, "corpus", by_class=True)
    ours = LinearSVM(2, grid, inner_folds=5).fit(rows, targets, speakers, groups)
    keys, expected = list(zip(corpora, targets.tolist(), strict=True)), {}
    for c in grid:
        scores = []
        for held_out in sorted(set(speakers)):
            inside = np.array([speaker != held_out for speaker in speakers])
            counts = Counter(key for key, used in zip(keys, inside, strict=True) if used)
            weights = np.array([inside.sum() / len(counts) / counts[key] if key in counts else 0 for key in keys])
            mean, deviation = rows[inside].mean(axis=0), rows[inside].std(axis=0)
            standard = (rows - mean) / deviation
            svc = SVC(C=c, kernel="linear").fit(standard[inside], targets[inside], weights[inside])
            found = svc.predict(standard[~inside])
            scores.append(np.mean([np.mean(found[targets[~inside] == k] == k) for k in range(2)]))
        expected[c] = np.mean(scores)
    assert ours.inner_scores == pytest.approx(expected)


@pytest.fixture(scope="module")
def needs_opensmile():
    pytest.importorskip("opensmile", reason="openSMILE is an extra")


def make_joint(folder) -> list[Utterance]:
    """Data folder and cache of two corpora as one; the features of B are larger and lie elsewhere."""
    utterances = [
        Utterance(
            id=f"{corpus}:{speaker}{label}{take}", corpus="EmoDB", wav="x.wav", speaker=f"{corpus}:{speaker}",
            label=label, sha256=f"{corpus}{speaker}{label}{take}", sample_rate_hz=16000, num_samples=16000,
            extra={JOINT: corpus},
        )
        for corpus, counts in COUNTS.items()
        for speaker in SPEAKERS
        for label, count in zip(CLASSES, counts, strict=True)
        for take in range(count)
    ]  # fmt: skip
    data = folder / "data/EmoDB-mini"
    write_data(data, utterances, source="mini", task=TASK)
    write_folds(data, utterances, "speaker", task=TASK)
    random = np.random.default_rng(1)
    centres = random.normal(size=(3, DIM))
    for extractor, frames in ((Functionals("eGeMAPSv02"), 1), (LowLevelDescriptors(), 4)):
        with FeatureCache(folder / "cache", extractor).writer() as writer:
            for item in utterances:
                place = centres[CLASSES.index(item.label)] + 1.5 * random.normal(size=(frames, DIM))
                rows = place if item.extra[JOINT] == "A" else 7 * place + 30
                writer.add(item.sha256, rows[:, : extractor.dim].astype("f4"))
    return utterances


def spec_of(folder, repository, *overrides, system: str = "svm") -> RunSpec:
    own = ("--variant", "egemaps", "--c_grid", f"[{C}]") if system == "svm" else NETWORK
    return RunSpec(
        recipe=str(repository / "recipes/EmoDB"),
        system=system,
        data=str(folder / "data/EmoDB-mini"),
        exp=str(folder / "exp"),
        cache=str(folder / "cache"),
        overrides=(*own, "--classes", f"[{', '.join(CLASSES)}]", *overrides),
        protocol="speaker",
    )


NETWORK = (
    "--variant", "frlm", "--hidden_size", "4", "--batch_size", "8", "--duration_s", "0.04",
)  # fmt: skip


def model(spec: RunSpec) -> dict[str, np.ndarray]:
    phase = phases_of(Experiment(spec), FOLD)[-1]
    with np.load(io.BytesIO((phase.folder / "model-egemaps.npz").read_bytes()), allow_pickle=False) as stored:
        return dict(stored)


def rows_of(folder, items: list[Utterance]) -> np.ndarray:
    cache = FeatureCache(folder / "cache", Functionals("eGeMAPSv02"))
    return np.stack([np.array(cache.get(item.sha256))[0] for item in items]).astype(np.float64)


@pytest.mark.parametrize(
    ("overrides", "groups"),
    [
        ((), "class of corpus"),
        (("--class_weight", "null"), "corpus"),
        (("--class_weight", "null", "--corpus_balance", "corpus_class"), "class of corpus"),
        (("--corpus_balance", "none"), "class"),
    ],
)
def test_the_key_decides_what_weighs_the_same_in_a_fold(tmp_path, repository, needs_opensmile, overrides, groups):
    utterances = make_joint(tmp_path)
    spec = spec_of(tmp_path, repository, *overrides)
    train_fold(spec, FOLD)
    items = sorted((item for item in utterances if item.speaker != FOLD), key=lambda item: item.id)
    of = {"class of corpus": lambda i: (i.extra[JOINT], i.label), "corpus": lambda i: i.extra[JOINT]}
    keys = [of.get(groups, lambda i: i.label)(item) for item in items]
    counts = Counter(keys)
    weights = [len(items) / len(counts) / counts[key] for key in keys]
    rows = rows_of(tmp_path, items)
    standard = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    svc = SVC(C=C, kernel="linear").fit(standard, [item.label for item in items], weights)
    np.testing.assert_allclose(model(spec)["coefficients"], svc.coef_, atol=1e-5)


def test_another_balance_is_another_run_of_several_corpora_only(tmp_path, repository, needs_opensmile):
    utterances = make_joint(tmp_path)
    spec = spec_of(tmp_path, repository)
    depends = Experiment(spec).depends(), Experiment(spec).phase_depends("egemaps", FOLD)
    assert [each["corpus_balance"] for each in depends] == ["corpus", "corpus"]
    Experiment(spec).claim()
    with pytest.raises(UserError, match="corpus_balance"):
        Experiment(replace(spec, overrides=(*spec.overrides, "--corpus_balance", "none"))).claim()
    write_data(tmp_path / "data/EmoDB-mini", [replace(item, extra={}) for item in utterances], source="mini", task=TASK)
    assert "corpus_balance" not in Experiment(spec).depends()
    assert "corpus_balance" not in Experiment(spec).phase_depends("egemaps", FOLD)


def test_classes_of_corpora_are_not_for_dimensions(tmp_path, repository, needs_opensmile):
    utterances = [replace(item, vad=[1.0, 2.0, 3.0]) for item in make_joint(tmp_path)]
    data, task = tmp_path / "data/EmoDB-mini", replace(TASK, dimensions=("valence",))
    write_data(data, utterances, source="mini", task=TASK)
    write_folds(data, utterances, "speaker", task=task)
    for system in ("svm", "amsnet"):
        words = ("--dimensions", "[valence]", "--corpus_balance", "corpus_class")
        with pytest.raises(UserError, match="corpus_balance: expected none or corpus, as dimensions have no classes"):
            train_fold(spec_of(tmp_path, repository, *words, system=system), FOLD)


@pytest.mark.parametrize(
    ("overrides", "shares"),
    [
        ((), {"A": 0.5, "B": 0.5}),
        (("--corpus_balance", "none"), {"A": 28 / 43, "B": 15 / 43}),
        (("--corpus_balance", "corpus_class"), {("A", 0): 1 / 6, ("B", 0): 1 / 6, ("B", 2): 1 / 6}),
        (("--balanced_sampling", "True"), {("A", 0): 1 / 6, ("B", 0): 1 / 6, ("B", 2): 1 / 6}),
    ],
)
def test_a_network_is_given_each_corpus_equally_often(
    tmp_path, repository, needs_opensmile, monkeypatch, overrides, shares
):
    utterances = {item.id: item for item in make_joint(tmp_path)}
    drawn: list[str] = []
    forward = EmotionBrain.compute_forward

    def record(self, batch, stage):
        drawn.extend(batch.ids)
        return forward(self, batch, stage)

    monkeypatch.setattr(EmotionBrain, "compute_forward", record)
    words = ("--epochs", "30", "--checkpoint_epochs", "30", *overrides)
    train_fold(spec_of(tmp_path, repository, *words, system="amsnet"), FOLD)
    corpora = Counter(utterances[name].extra[JOINT] for name in drawn)
    pairs = Counter((utterances[name].extra[JOINT], CLASSES.index(utterances[name].label)) for name in drawn)
    assert len(drawn) >= 30 * 43 - 30 * 8
    for key, share in shares.items():
        found = (corpora | pairs)[key] / len(drawn)
        assert found == pytest.approx(share, abs=4 * (share * (1 - share) / len(drawn)) ** 0.5), key


def test_class_weights_count_the_classes_as_they_are_drawn(tmp_path, repository, needs_opensmile):
    make_joint(tmp_path)
    weights = {}
    for balance in ("corpus", "none"):
        spec = spec_of(tmp_path, repository, "--class_weights", "True", "--corpus_balance", balance, system="amsnet")
        phase = phases_of(Experiment(spec), FOLD)[-1]
        train = phase._dataset(sorted(phase.experiment.fold(FOLD).train), training=True)
        weights[balance] = phase._class_weights(train)
    # Of A two speakers are trained on, of B three; by hand from COUNTS.
    share = {k: (COUNTS["A"][k] / 14 + COUNTS["B"][k] / 5) / 2 for k in range(3)}
    plain = {k: (2 * COUNTS["A"][k] + 3 * COUNTS["B"][k]) / 43 for k in range(3)}
    for balance, of in (("corpus", share), ("none", plain)):
        torch.testing.assert_close(weights[balance], torch.tensor([1 / (3 * of[k]) for k in range(3)]))


def test_each_corpus_is_standardised_with_its_own_mean_and_deviation(tmp_path, repository, needs_opensmile):
    utterances = make_joint(tmp_path)
    spec = spec_of(tmp_path, repository, "--corpus_normalisation", "True")
    facts = train_fold(spec, FOLD)
    items = sorted((item for item in utterances if item.speaker != FOLD), key=lambda item: item.id)
    standard = np.zeros((len(items), DIM))
    for corpus in COUNTS:
        own = [place for place, item in enumerate(items) if item.extra[JOINT] == corpus]
        everything = rows_of(tmp_path, [item for item in utterances if item.extra[JOINT] == corpus])
        standard[own] = (rows_of(tmp_path, [items[place] for place in own]) - everything.mean(0)) / everything.std(0)
    standard = (standard - standard.mean(axis=0)) / standard.std(axis=0)
    counts = Counter((item.extra[JOINT], item.label) for item in items)
    weights = [len(items) / 6 / counts[item.extra[JOINT], item.label] for item in items]
    svc = SVC(C=C, kernel="linear").fit(standard, [item.label for item in items], weights)
    np.testing.assert_allclose(model(spec)["coefficients"], svc.coef_, atol=1e-4)
    experiment = Experiment(spec)
    assert fold_facts(experiment, FOLD) == facts
    warnings = run_facts(experiment, [facts]).warnings
    assert any("normalised per corpus over all utterances, of test speakers too" in text for text in warnings)


def test_methods_of_several_corpora_standardise_each_with_its_own_mean():
    joint = {name: method.on_several_corpora() for name, method in METHODS.items()}
    own = ("--corpus_normalisation", "True")
    assert (joint["corpus-znorm"].trained, joint["corpus-znorm"].overrides) == ("source", own)
    assert METHODS["corpus-znorm"].target_statistics and not joint["corpus-znorm"].target_statistics
    assert (joint["coral"].trained, joint["coral"].overrides) == ("target", own)
    assert all(joint[name] is METHODS[name] for name in METHODS if name not in ("corpus-znorm", "coral"))


def test_the_keys_are_of_every_system_and_change_no_phase_of_a_single_corpus(repository):
    for system in ("svm", "amsnet", "sd_caff"):
        hp = load_system(repository / "recipes/EmoDB", system)
        assert (hp.tree["corpus_balance"], hp.tree["corpus_normalisation"]) == ("corpus", False)
        for phase in hp.phases:
            assert not {"corpus_balance", "corpus_normalisation"} & hp.phase_keys(phase).keys()
