"""The convolutions of AlexNet against a table of its layers, and where its weights come from."""

from __future__ import annotations

import pickle
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch
from torch.nn import functional

from speechbrain_ext.lobes import alexnet
from speechbrain_ext.lobes.alexnet import AlexNetFeatures
from speechbrain_ext.utils.errors import UserError

# Filters, kernel, stride, padding, and whether a pooling of 3 by 2 follows: Krizhevsky 2014, as in torchvision.
LAYERS = [
    (64, 11, 4, 2, True),
    (192, 5, 1, 2, True),
    (384, 3, 1, 1, False),
    (256, 3, 1, 1, False),
    (256, 3, 1, 1, True),
]


@pytest.mark.parametrize(("height", "width"), [(224, 224), (257, 383)])
def test_the_layers_are_those_of_the_table(height, width):
    torch.manual_seed(0)
    net = AlexNetFeatures().double()
    weights, x = list(net.parameters()), torch.rand(2, 3, height, width, dtype=torch.float64)
    found = net(x)
    for (filters, kernel, stride, padding, is_pooled), weight, bias in zip(
        LAYERS, weights[::2], weights[1::2], strict=True
    ):
        assert weight.shape == (filters, x.shape[1], kernel, kernel) and bias.shape == (filters,)
        x = functional.conv2d(x, weight, bias, stride, padding).clamp(min=0)
        x = functional.max_pool2d(x, 3, 2) if is_pooled else x
    wanted = functional.adaptive_avg_pool2d(x, (6, 6)).flatten(1)
    assert found.shape == (2, 256 * 36)
    torch.testing.assert_close(found, wanted)


def test_a_gray_image_is_taken_as_it_is_unless_told_otherwise():
    net, gray = AlexNetFeatures(), torch.rand(2, 1, 70, 70)
    torch.testing.assert_close(net(gray), net(gray.repeat(1, 3, 1, 1)), rtol=1e-4, atol=1e-5)


def test_imagenet_weights_are_fetched_through_torchvision_and_checked(monkeypatch):
    """A stand-in for torchvision records what it is asked for."""
    state = {f"features.{name}": value + 1 for name, value in AlexNetFeatures().features.state_dict().items()}
    asked = []

    def get_state_dict(**options):
        asked.append(options)
        return state

    models = ModuleType("torchvision.models")
    models.AlexNet_Weights = SimpleNamespace(IMAGENET1K_V1=SimpleNamespace(get_state_dict=get_state_dict))
    package = ModuleType("torchvision")
    package.__spec__ = ModuleSpec("torchvision", None)
    for name, module in (("torchvision", package), ("torchvision.models", models)):
        monkeypatch.setitem(sys.modules, name, module)
    net = AlexNetFeatures("imagenet")
    assert asked == [{"progress": False, "check_hash": True, "weights_only": True}]
    for name, value in net.features.state_dict().items():
        assert torch.equal(value, state[f"features.{name}"])

    def fail(**options):
        raise OSError("no route\nto host")

    models.AlexNet_Weights.IMAGENET1K_V1.get_state_dict = fail
    with pytest.raises(UserError, match=r"torchvision cannot fetch them \(OSError: no route\): ") as fault:
        alexnet.torchvision_weights("imagenet")
    assert "\n" not in str(fault.value)


class Touching:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_file_of_weights_runs_nothing(tmp_path):
    path, made = tmp_path / "weights.pth", tmp_path / "made"
    torch.save({"features.0.weight": Touching(made)}, path)
    with pytest.raises(UserError, match="cannot be read"):
        AlexNetFeatures(str(path))
    assert not made.exists()
    path.write_bytes(pickle.dumps(Touching(made)))
    with pytest.raises(UserError, match="cannot be read"):
        AlexNetFeatures(str(path))
    assert not made.exists()
