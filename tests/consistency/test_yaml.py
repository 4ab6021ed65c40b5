"""Every recipe's YAML loads, builds every step of every variant, and runs one forward."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from speechbrain_ext import hparams

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
FILES = sorted(RECIPES.glob("*/hparams/*.yaml"))
FRAMES = 30


def names(path: Path) -> str:
    return f"{path.parent.parent.name}/{path.stem}"


def test_every_system_is_included_by_a_recipe():
    included = {hparams.load(path).system_path for path in FILES}
    assert included == {path.resolve() for path in (RECIPES / "shared/systems").glob("*.yaml")}


@pytest.mark.parametrize("path", FILES, ids=names)
def test_facts_of_the_corpus_are_whole(path):
    loaded = hparams.load(path)
    assert loaded.corpus["corpus"] == path.parent.parent.name
    assert len(loaded.corpus["classes"]) == loaded.tree["n_classes"]
    assert hparams.load(path, source="mini").steps == loaded.steps


@pytest.mark.parametrize("path", FILES, ids=names)
def test_every_step_builds_and_runs(path):
    loaded = hparams.load(path)
    built = loaded.build()
    widths: dict[str, int] = {}
    for name, node in built["steps"].items():
        features, lengths = {}, {}
        for feature in node.get("features") or []:
            size = built["features"][feature]().dim
            features[feature] = torch.rand(2, FRAMES, size)
            lengths[feature] = torch.tensor([FRAMES, FRAMES // 2])
        for frozen in node.get("frozen") or []:
            features[frozen] = torch.rand(2, widths[frozen])
        network = node["network"]().eval()
        output = network(features, lengths)
        assert output["logits"].shape == (2, built["n_classes"]), name
        widths[name] = output["embedding"].shape[1]


@pytest.mark.parametrize("path", FILES, ids=names)
def test_every_key_decides_something(path):
    """A key that no step, feature or the trainer reads is a setting that does nothing."""
    loaded = hparams.load(path)
    common = set(loaded.step_tree(loaded.steps[0])["keys"])
    read = {key for step in loaded.tree["steps"] for key in loaded.step_tree(step)["keys"]}
    trainer = "".join(
        (RECIPES.parent / "speechbrain_ext/training" / name).read_text() for name in ("step.py", "experiment.py")
    )
    referred = {key for key in read if f"<{key}>" in loaded.system_path.read_text()}
    unread = [key for key in common if key not in referred and f'"{key}"' not in trainer]
    assert not unread, unread
