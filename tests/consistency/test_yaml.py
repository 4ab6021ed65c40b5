"""Every recipe's YAML loads, builds every phase of every variant, and runs one forward."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from recipe_list import RECIPES, SYSTEMS, each_recipe
from tiny_ssl import write_tiny

from speechbrain_ext import hparams
from speechbrain_ext.corpora import get_corpus
from speechbrain_ext.utils.yaml_tree import plain, read

FRAMES = 30
LEAST_S = 0.1


def test_a_recipe_s_file_repeats_nothing():
    """A value that the system or the corpus has already is left out, unless a comment names its source."""
    for path in RECIPES.glob("*/hparams/*.yaml"):
        recipe, own = path.parents[1], plain(read(path))
        loaded = hparams.load_system(recipe, path.stem)
        usual = {
            **hparams.load_system(RECIPES / "shared", loaded.system_path.stem).tree,
            **get_corpus(recipe.name).task.to_dict(),
            "protocol": hparams.load_system(recipe, "am_resnet").protocol,
        }
        lines = path.read_text(encoding="utf-8").splitlines()
        sourced = {line.partition(":")[0] for line in lines if " # " in line}
        for key in own.keys() - {"system", "paper", "presets", "mini"} - sourced:
            assert own[key] != usual[key], f"{path}: {key}"


@each_recipe
def test_facts_of_the_corpus_are_complete(recipe, system):
    loaded = hparams.load_system(recipe, system)
    if recipe.name == "shared":
        assert loaded.corpus is None and loaded.task.classes == ()
        loaded = hparams.load_system(recipe, system, labels=["sadness", "anger", "other"])
        assert loaded.task.classes == ("anger", "sadness", "other") and loaded.tree["n_classes"] == 3
        return
    assert loaded.corpus == recipe.name
    assert len(loaded.task.classes) == loaded.tree["n_classes"]
    assert hparams.load_system(recipe, system, source="mini").phases == loaded.phases


@each_recipe
def test_every_preset_loads_and_changes_what_it_names(recipe, system):
    usual = hparams.load_system(recipe, system, labels=["sadness", "anger", "other"])
    for name in usual.tree.get("presets", {}):
        loaded = hparams.load_system(recipe, system, labels=["sadness", "anger", "other"], preset=name)
        for key, value in usual.tree["presets"][name].items():
            assert loaded.tree[key] == value != usual.tree[key], key
        assert loaded.sha256() != usual.sha256()
        assert loaded.build()["variants"] == usual.build()["variants"]


@pytest.fixture(scope="module")
def stand_ins(tmp_path_factory):
    """Keys that name what is fetched from elsewhere, with small models that lie here."""
    return {"ssl_model": str(write_tiny(tmp_path_factory.mktemp("models") / "tiny")), "alexnet_weights": "random"}


def rows_of(extractor) -> int:
    """Rows of an utterance's feature, or enough frames for any network."""
    if extractor.hop_s:
        return max(FRAMES, round(LEAST_S / extractor.hop_s))
    return len(extractor(np.random.default_rng(0).uniform(-0.1, 0.1, 16000).astype(np.float32)))


@each_recipe
def test_every_phase_builds_and_runs(recipe, system, stand_ins):
    known = hparams.load_system(recipe, system).tree
    loaded = hparams.load_system(recipe, system, {key: value for key, value in stand_ins.items() if key in known})
    built = loaded.build()
    outputs: dict[str, dict[str, torch.Tensor]] = {}
    for name, node in built["phases"].items():
        features, lengths = {}, {}
        for feature in node.get("features") or []:
            extractor = built["features"][feature]()
            rows = rows_of(extractor)
            features[feature] = torch.rand(2, rows, extractor.dim)
            lengths[feature] = torch.tensor([rows, rows // 2])
        for frozen in node.get("frozen") or []:
            earlier = outputs[frozen]
            features[frozen] = torch.rand(earlier.get("frames", earlier["embedding"]).shape)
            if "frames" in earlier:
                lengths[frozen] = earlier["frame_lengths"]
        if "classifier" in node:
            assert node["classifier"]().n_classes == built["n_classes"], name
            continue
        network = node["network"]().eval()
        outputs[name] = network(features, lengths)
        assert outputs[name]["logits"].shape == (2, built["n_classes"]), name


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_key_decides_something(system):
    """A key that no phase, feature or the trainer reads is a setting that does nothing."""
    loaded = hparams.load_system(RECIPES / "shared", system)
    common = set(loaded.phase_tree(loaded.phases[0])["keys"])
    known = {key for phase in loaded.tree["phases"] for key in loaded.phase_tree(phase)["keys"]}
    trainer = "".join(
        (RECIPES.parent / "speechbrain_ext/training" / name).read_text()
        for name in ("phase.py", "network_phase.py", "experiment.py")
    )
    referred = {key for key in known if f"<{key}>" in loaded.system_path.read_text()}
    unread = [
        key for key in common if key not in referred and f'"{key}"' not in trainer and f"training.{key}" not in trainer
    ]
    assert not unread, unread
