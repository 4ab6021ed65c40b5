"""Settings of a run that differ from the paper's preset: of every kind, with both values, in runs and kept results."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from report_folders import plausible_results
from run_requests import request_of

from speechbrain_ext import hparams
from speechbrain_ext.bin.prepare import main as prepare
from speechbrain_ext.evaluation.deviations import KeptDeviations, differing
from speechbrain_ext.evaluation.facts import Difference, Paper, difference_phrases
from speechbrain_ext.evaluation.provenance import differs_from_paper, paper_of
from speechbrain_ext.evaluation.targets import Classes
from speechbrain_ext.training.experiment import Experiment

RECIPE = Path(__file__).resolve().parents[2] / "recipes/EmoDB"
TABLE2 = Paper("2", "AMSNet", 0.8834, 0.8856)
FRLM = Paper("5", "FRLM", 0.8414, 0.8446, "random5")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, mini_emodb):
    """The mini corpus once as such and once as a real one, with the folds that the tests name."""
    folder = tmp_path_factory.mktemp("deviations")
    base = ["--corpus", "EmoDB", "--corpus-root", str(mini_emodb), "--data", str(folder)]
    prepare([*base, "--source", "mini"])
    for more in (["--protocol", "random5"], ["--protocol", "speaker"]):
        prepare([*base, "--source", "real", *more])
    three = ["--", "--classes", "[anger, neutral, sadness]"]
    prepare([*base, "--source", "real", "--recipe", str(RECIPE), "--system", "amsnet", *three])
    return folder


def run_of(prepared: Path, *words: str, source: str = "real", system: str = "amsnet") -> Experiment:
    base = ["--recipe", str(RECIPE), "--system", system, "--data", str(prepared / f"EmoDB-{source}")]
    base += ["--exp", str(prepared / "exp"), "--device", "cpu"]
    return Experiment(request_of([*base, *words]).specs[0])


def told(run: Experiment) -> list[str]:
    return difference_phrases(differs_from_paper(run))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ("--tag", "x", "--", "--epochs", "1", "--channels", "[16, 8, 8]"),
            ["epochs: 200 -> 1", "channels: [512, 256, 128] -> [16, 8, 8]"],
        ),
        (("--protocol", "speaker"), ["protocol: random5 -> speaker"]),
        (("--tag", "x", "--", "--variant", "frlm"), ["variant: full -> frlm"]),
        (("--tag", "x", "--", "--speaker_normalisation", "True"), ["speaker_normalisation: False -> True"]),
        (("--tag", "x", "--", "--classes", "[anger, neutral, sadness]"), None),
        (("--table", "amsnet/5", "--row", "FRLM", "--tag", "x", "--", "--lr", "0.1"), ["lr: 0.0001 -> 0.1"]),
        (("--table", "amsnet/5", "--row", "FRLM", "--protocol", "speaker"), ["protocol: random5 -> speaker"]),
    ],
)
def test_every_change_is_listed_with_both_values_and_takes_the_papers_number_away(prepared, words, expected):
    run = run_of(prepared, *words)
    if expected is None:
        every = ["anger", "boredom", "disgust", "fear", "happiness", "neutral", "sadness"]
        expected = [f"classes: {json.dumps(every)} -> {json.dumps(['anger', 'neutral', 'sadness'])}"]
    assert told(run) == expected
    assert paper_of(run, differs_from_paper(run)) is None


def test_mini_values_and_presets_count(prepared):
    assert told(run_of(prepared, source="mini")) == [
        "lr: 0.0001 -> 0.003",
        "batch_size: 256 -> 32",
        "epochs: 200 -> 8",
        "hidden_size: 128 -> 32",
        "channels: [512, 256, 128] -> [64, 48, 32]",
        "reduction: 16 -> 4",
        "fusion_epochs: 2000 -> 60",
    ]
    official = told(run_of(prepared, "--preset", "official", "--protocol", "speaker", system="ca_mser"))
    assert official[0] == "preset: paper -> official" and "pre_emphasis: 0.0 -> 0.97" in official
    assert "activation: null -> relu" in official


@pytest.mark.parametrize(
    ("words", "paper"),
    [
        ((), TABLE2),
        (("--tag", "same", "--", "--epochs", "200", "--checkpoint_epochs", "3"), TABLE2),
        (("--table", "amsnet/5", "--row", "FRLM"), FRLM),
    ],
)
def test_the_papers_own_settings_keep_its_number(prepared, words, paper):
    run = run_of(prepared, *words)
    assert told(run) == [] and paper_of(run, {}) == paper


def test_a_row_of_a_table_of_this_repository_differs_from_the_paper(prepared):
    found = told(run_of(prepared, "--table", "amsnet_tuned/1", "--row", "short schedule"))
    assert (
        "protocol: random5 -> speaker" in found and "batch_size: 256 -> 32" in found and "lr: 0.0001 -> 0.0005" in found
    )


def test_mappings_are_compared_key_by_key():
    paper = {"spec_augment": None, "phases": {"a": {"epochs": 3, "dropout": 0.1}}, "sizes": (1, 2), "gone": 1}
    here = {"spec_augment": {"count": 2}, "phases": {"a": {"epochs": 4, "dropout": 0.1}}, "sizes": [1, 2], "new": 2}
    found = difference_phrases(differing(paper, here))
    assert found == ['spec_augment: null -> {"count": 2}', "phases.a.epochs: 3 -> 4"]


@pytest.mark.parametrize(
    ("row", "protocol", "changes", "expected"),
    [
        ("table5-concat", "random5", {"variant": "concat"}, []),
        ("default", "random5", {"variant": "concat"}, ["variant: full -> concat"]),
        (
            "table5-concat.b64-e60",
            "speaker",
            {"variant": "concat", "batch_size": 64, "epochs": 60},
            ["protocol: random5 -> speaker", "batch_size: 256 -> 64", "epochs: 200 -> 60"],
        ),
    ],
)
def test_kept_results_without_the_key_are_compared_by_their_hyperparameters(row, protocol, changes, expected):
    loaded = hparams.load_system(RECIPE, "amsnet")
    target = Classes(tuple(loaded.task.classes))
    results = plausible_results(row=row, protocol=protocol, hparams=loaded.plain() | changes)
    results = replace(results, target=target, task=loaded.task.to_dict())
    assert difference_phrases(KeptDeviations(RECIPE).of(results)) == expected
    known = {"a": Difference(1, 2)}
    assert KeptDeviations(RECIPE).of(replace(results, differs_from_paper=known)) == known
    assert KeptDeviations(RECIPE).of(replace(results, system="none")) == {}


def test_a_baseline_has_no_papers_protocol_but_settings_of_its_own(prepared):
    assert told(run_of(prepared, "--protocol", "speaker", system="svm")) == []
    words = ("--protocol", "speaker", "--tag", "x", "--", "--speaker_normalisation", "True")
    assert told(run_of(prepared, *words, system="svm")) == ["speaker_normalisation: False -> True"]
