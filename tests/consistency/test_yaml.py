"""Every recipe's YAML loads, builds every step of every variant, and runs one forward."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_ssl import write_tiny

from speechbrain_ext import hparams

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
FILES = sorted(RECIPES.glob("*/hparams/*.yaml"))
FRAMES = 30
LEAST_S = 0.1


def names(path: Path) -> str:
    return f"{path.parent.parent.name}/{path.stem}"


def test_every_system_is_included_by_a_recipe():
    included = {hparams.load(path).system_path for path in FILES}
    assert included == {path.resolve() for path in (RECIPES / "shared/systems").glob("*.yaml")}


@pytest.mark.parametrize("path", FILES, ids=names)
def test_facts_of_the_corpus_are_whole(path):
    loaded = hparams.load(path)
    if path.parent.parent.name == "shared":
        assert loaded.corpus["corpus"] is None and loaded.task.classes == ()
        loaded = hparams.load(path, labels=["sadness", "anger", "other"])
        assert loaded.task.classes == ("anger", "sadness", "other") and loaded.tree["n_classes"] == 3
        return
    assert loaded.corpus["corpus"] == path.parent.parent.name
    assert len(loaded.task.classes) == loaded.tree["n_classes"]
    assert hparams.load(path, source="mini").phases == loaded.phases


@pytest.mark.parametrize("path", FILES, ids=names)
def test_every_preset_loads_and_changes_what_it_names(path):
    usual = hparams.load(path, labels=["sadness", "anger", "other"])
    for name in usual.tree.get("presets", {}):
        loaded = hparams.load(path, labels=["sadness", "anger", "other"], preset=name)
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


@pytest.mark.parametrize("path", FILES, ids=names)
def test_every_step_builds_and_runs(path, stand_ins):
    known = hparams.load(path).tree
    loaded = hparams.load(path, {key: value for key, value in stand_ins.items() if key in known})
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


@pytest.mark.parametrize("path", FILES, ids=names)
def test_every_key_decides_something(path):
    """A key that no step, feature or the trainer reads is a setting that does nothing."""
    loaded = hparams.load(path)
    common = set(loaded.phase_tree(loaded.phases[0])["keys"])
    read = {key for step in loaded.tree["phases"] for key in loaded.phase_tree(step)["keys"]}
    trainer = "".join(
        (RECIPES.parent / "speechbrain_ext/training" / name).read_text()
        for name in ("phase.py", "network_phase.py", "experiment.py")
    )
    referred = {key for key in read if f"<{key}>" in loaded.system_path.read_text()}
    unread = [
        key for key in common if key not in referred and f'"{key}"' not in trainer and f"training.{key}" not in trainer
    ]
    assert not unread, unread
