"""CA-MSER against what the authors' own module gives on the same weights and inputs (PARITY_ROOT)."""

from __future__ import annotations

import ast
import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from speechbrain_ext.lobes.ca_mser import CAMSER, OFFICIAL

TOLERANCE = {"f64": 1e-10, "f32": 1e-5}
# In float32 rounding depends on the CPU: max pooling chooses other places among nearly equal values, and the bias of
# the first convolution sums over all of them.
GRADIENT_TOLERANCE = {"f64": 1e-10, "f32": 2e-2}
DTYPE = {"f64": torch.float64, "f32": torch.float32}


class Vectors:
    """The vectors, and the recipe that weights and inputs are drawn by."""

    def __init__(self, root: Path):
        self.z = dict(np.load(root / "ca_mser.npz"))
        spec = importlib.util.spec_from_file_location("parity_recipe", root / "recipe.py")
        self.recipe = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.recipe)
        self.state = {}
        for line in self.z["keys"]:
            name, shape = str(line).split(" ", 1)
            if not name.startswith("alexnet_model.classifier."):
                self.state[name] = torch.from_numpy(self.recipe.value(name, ast.literal_eval(shape)))
        self.config = ast.literal_eval(str(self.z["config"]))

    def inputs(self, dtype: torch.dtype) -> list[torch.Tensor]:
        image, mfcc, audio = (
            torch.from_numpy(self.recipe.inp(f"ca/{name}", shape)).to(dtype)
            for name, shape in (("spec", (2, 1, 256, 384)), ("mfcc", (2, 300, 40)), ("wav", (2, 48000)))
        )
        mfcc[1, 200:] = 0  # the padding of a short segment
        return [image.repeat(1, 3, 1, 1), mfcc, audio]

    def probe(self, name: str, value: torch.Tensor) -> float:
        return float((value.detach().double().numpy() * self.recipe.probe(name, tuple(value.shape))).sum())


@pytest.fixture(scope="module")
def vectors():
    root = os.environ.get("PARITY_ROOT")
    if not root:
        pytest.skip("PARITY_ROOT does not name the folder of the parity vectors")
    return Vectors(Path(root))


def network(vectors, kind):
    net = CAMSER.from_official(vectors.state, vectors.config, dropout=0.0, lstm_dropout=0.0)
    return net.to(DTYPE[kind])


def run(vectors, net, kind):
    """Outputs, and the inner values that the vectors know by norm and probe."""
    inner = {}
    hooks = {
        "alex": (net.alexnet, lambda output: output),
        "lstm": (net.lstm, lambda output: output[0]),
        "att_pre": (net.co_attention.linear, lambda output: output),
        "w2v": (net.encoder, lambda output: output.last_hidden_state),
        "F2": (net.fusion, torch.relu),
    }
    handles = [
        module.register_forward_hook(lambda _m, _i, output, name=name, take=take: inner.update({name: take(output)}))
        for name, (module, take) in hooks.items()
    ]
    output = net(*vectors.inputs(DTYPE[kind]))
    for handle in handles:
        handle.remove()
    return output, inner


def close(found, wanted, tolerance, name):
    wanted = np.asarray(wanted, dtype=np.float64)
    found = found.detach().double().numpy() if isinstance(found, torch.Tensor) else np.asarray(found)
    assert found.shape == wanted.shape, name
    assert np.abs(found - wanted).max() <= tolerance * max(1.0, np.abs(wanted).max()), name


@pytest.mark.parametrize("kind", ["f64", "f32"])
@pytest.mark.parametrize("mode", ["eval", "train"])
def test_outputs_and_inner_values(vectors, kind, mode):
    net = network(vectors, kind).train(mode == "train")
    with torch.set_grad_enabled(mode == "train"):
        output, inner = run(vectors, net, kind)
    z, p, tolerance = vectors.z, f"{mode}/{kind}", TOLERANCE[kind]
    pairs = {"F4": output["emotion"], "M": output["emotion"], "F3": output["embedding"], "att": output["attention"]}
    pairs |= {"F1": output["fused"][:, 256:], "F2": inner.pop("F2"), "w2v_slice": inner["w2v"][:, ::10, ::64]}
    for name, found in pairs.items():
        close(found, z[f"{p}/{name}"], tolerance, name)
    for name, value in inner.items():
        norm = float(z[f"{p}/norm_{name}"])
        close(float(value.detach().double().norm()) / norm, 1.0, tolerance, name)
        close(vectors.probe(f"act/{name}", value) / norm, z[f"{p}/probe_{name}"] / norm, tolerance, name)


@pytest.mark.parametrize("kind", ["f64", "f32"])
def test_loss_and_every_gradient(vectors, kind):
    net = network(vectors, kind).train()
    output, _ = run(vectors, net, kind)
    loss = torch.nn.functional.cross_entropy(output["emotion"], torch.from_numpy(vectors.z["y"]))
    z, p, tolerance = vectors.z, f"train/{kind}", TOLERANCE[kind]
    close(loss, z[f"{p}/loss"], tolerance, "loss")
    tolerance = GRADIENT_TOLERANCE[kind]
    loss.backward()
    gradients = {OFFICIAL.name(name): parameter.grad for name, parameter in net.named_parameters()}
    checked = 0
    for key in z:
        what, _, name = key.removeprefix(f"{p}/").partition("/")
        if not key.startswith(f"{p}/grad") or name.startswith("alexnet_model.classifier."):
            continue
        gradient = gradients[name]
        checked += 1
        if what == "gradnone":
            assert gradient is None, name
        elif what == "grad":
            close(gradient, z[key], tolerance, name)
        else:
            # A bias of keys has no true gradient: its norm is compared absolutely.
            scale = max(1.0, float(z[f"{p}/gradnorm/{name}"]))
            found = float(gradient.double().norm()) if what == "gradnorm" else vectors.probe(name, gradient)
            if what == "gradprobe" and kind == "f32":
                # A sum over all values, each times a number of about 1: rounding grows with their root.
                scale *= gradient.numel() ** 0.5
            close(found / scale, z[key] / scale, tolerance, key)
    assert checked == 2 * 74 + 22 + 1


def test_state_goes_to_ours_and_back_to_the_bit(vectors):
    full = {**vectors.state, "alexnet_model.classifier.1.bias": torch.zeros(4096)}
    back = CAMSER.from_official(full, vectors.config).to_official()
    assert back.keys() == vectors.state.keys()
    assert all(
        torch.equal(back[name], value) and back[name].dtype == value.dtype for name, value in vectors.state.items()
    )


def test_one_channel_is_three_equal_ones(vectors):
    net = network(vectors, "f64").eval()
    image, mfcc, audio = vectors.inputs(torch.float64)
    with torch.no_grad():
        close(net(image[:, :1], mfcc, audio)["emotion"], vectors.z["eval/f64/F4"], 1e-10, "emotion")
