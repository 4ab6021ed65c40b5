"""Every system as a user runs it has the settings typed from its paper, preset by preset and corpus by corpus."""

from __future__ import annotations

from pathlib import Path

import pytest
from paper_settings import CORPORA, SETTINGS, TASKS

from speechbrain_ext import hparams

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
SYSTEMS = ("am_resnet", "am_resnet_w2v2_ca", "amsnet", "ca_mser", "sd_caff")


def load(recipe: str, system: str, preset: str) -> hparams.Hparams:
    return hparams.load_system(RECIPES / recipe, system, preset=preset)


@pytest.mark.parametrize(("recipe", "system", "preset"), SETTINGS)
def test_settings_are_those_of_the_paper(recipe, system, preset):
    """As they are built: references and presets are resolved."""
    built = load(recipe, system, preset).build()
    typed = SETTINGS[recipe, system, preset]
    assert {key: built[key] for key in typed} == typed


@pytest.mark.parametrize(("recipe", "system", "preset"), TASKS)
def test_what_is_recognised_is_that_of_the_paper(recipe, system, preset):
    loaded = load(recipe, system, preset)
    found = loaded.task.to_dict() | {"protocol": loaded.protocol}
    typed = TASKS[recipe, system, preset]
    assert {key: found[key] for key in typed} == typed


def test_every_system_preset_and_corpus_is_typed():
    known = set()
    for recipe in CORPORA:
        for system in SYSTEMS:
            loaded = load(recipe, system, "paper")
            presets = ["paper", *loaded.tree.get("presets", {})]
            known |= {(recipe, system, preset) for preset in presets}
    assert known == set(SETTINGS)
    assert {(recipe, system) for recipe, system, _ in TASKS} == {
        (recipe, system) for recipe in CORPORA for system in SYSTEMS if load(recipe, system, "paper").paper
    }


@pytest.mark.parametrize("recipe", CORPORA)
def test_features_are_made_as_the_paper_says(recipe):
    """Chen et al., section 4.2; Li and Zhang, section 2.2.1. The front ends as they are built, not the keys alone."""
    built = load(recipe, "amsnet", "paper").build()
    logmel = built["features"]["logmel"]()
    typed = {"n_mels": 128, "window_samples": 800, "n_fft": 800, "hop_samples": 400, "mel_scale": "slaney"}
    assert {key: logmel.params[key] for key in typed} == typed
    assert (logmel.sample_rate_hz, built["features"]["lld"]().dim) == (16000, 76)
    waveform = load(recipe, "am_resnet", "paper").build()["features"]["waveform"]()
    assert waveform.params == {"window_samples": 400, "factor": 5.0, "floor": "nonzero"}


@pytest.mark.parametrize(
    ("system", "key", "mark"),
    [
        ("amsnet", "pad", "differs: the paper fills with silence"),
        ("amsnet", "dimension_shuffle", "differs: Section 4.3 has a dimension transpose layer"),
        ("amsnet", "attention_dropout", "reading:"),
        ("amsnet", "n_mels", "reading:"),
        ("amsnet", "epochs", "reading:"),
        ("am_resnet", "pool", "reading:"),
        ("am_resnet", "variant", "reading: MADD stands before resnet too"),
        ("am_resnet", "silent_segments", "reading:"),
        ("am_resnet_w2v2_ca", "silent_segments", "reading:"),
        ("am_resnet", "strides", "reading:"),
        ("am_resnet", "bn_statistics", "reading:"),
    ],
)
def test_a_value_that_is_not_the_paper_s_is_marked(system, key, mark):
    text = (RECIPES / "shared/systems" / f"{system}.yaml").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith(f"{key}:")]
    assert mark in line.partition("#")[2]


@pytest.mark.parametrize(
    ("system", "readings"),
    [
        (
            "amsnet",
            [
                "no global average pooling",
                "the logarithm, Slaney's mel bands, z-normalisation, and bands as the input channels",
                "squeeze and excitation behind the ReLU",
                "beta is one number for each branch; ReLU between the head's layers",
                "descriptors averaged to the spectrogram's frames by the times of their centres",
            ],
        ),
        ("am_resnet", ["the shortcut of a strided block is a 1 x 1 convolution"]),
        ("am_resnet_w2v2_ca", ["silent frames are, and count in the mean over time"]),
    ],
)
def test_what_has_no_key_is_marked_as_a_reading(system, readings):
    text = (RECIPES / "shared/systems" / f"{system}.yaml").read_text()
    comments = " ".join(line.removeprefix("# ") for line in text.splitlines() if line.startswith("# "))
    for reading in readings:
        before = comments.partition(reading)[0]
        assert reading in comments and "reading:" in before, reading
