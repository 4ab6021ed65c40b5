"""Every system as a user runs it has the settings typed from its paper, preset by preset and corpus by corpus."""

from __future__ import annotations

from pathlib import Path

import pytest
from paper_settings import CORPORA, SETTINGS, TASKS

from speechbrain_ext import hparams

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
SYSTEMS = ("am_resnet", "am_resnet_w2v2_ca", "amsnet", "ca_mser", "sd_caff")


def load(recipe: str, system: str, preset: str) -> hparams.Hparams:
    return hparams.load(RECIPES / recipe / "hparams" / f"{system}.yaml", preset=preset)


@pytest.mark.parametrize(("recipe", "system", "preset"), SETTINGS)
def test_settings_are_those_of_the_paper(recipe, system, preset):
    """As they are built: references and presets are resolved."""
    built = load(recipe, system, preset).build()
    typed = SETTINGS[recipe, system, preset]
    assert {key: built[key] for key in typed} == typed


@pytest.mark.parametrize(("recipe", "system", "preset"), TASKS)
def test_what_is_recognised_is_that_of_the_paper(recipe, system, preset):
    loaded = load(recipe, system, preset)
    found = loaded.task.to_dict() | {"protocol": loaded.corpus["protocol"]}
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
        (recipe, system) for recipe in CORPORA for system in SYSTEMS if load(recipe, system, "paper").corpus["paper"]
    }
