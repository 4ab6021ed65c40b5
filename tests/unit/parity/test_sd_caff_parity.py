"""SD-CAFF and its blocks against outputs of the authors' own modules, where PARITY_ROOT names a folder of them."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from speechbrain_ext.lobes.cross_aff import CrossAFF
from speechbrain_ext.lobes.dynamic_relu import DynamicReLU
from speechbrain_ext.lobes.sd_caff import SDCAFF
from speechbrain_ext.losses.center import CenterLoss
from speechbrain_ext.losses.joint import JointCenterLoss

ROOT = Path(os.environ["PARITY_ROOT"]) if os.environ.get("PARITY_ROOT") else None
pytestmark = pytest.mark.skipif(ROOT is None, reason="PARITY_ROOT names no folder of the authors' outputs")
NOT_MODELS = ("sd_caff_inputs", "sd_caff_features", "sd_caff_weights_no_lstm", "sd_caff_3steps")
MODELS = sorted(p.stem for p in ROOT.glob("sd_caff_*.npz") if p.stem not in NOT_MODELS) if ROOT else []
TOLERANCE = {"f64": 1e-10, "f32": 1e-5}
# In float32 the gradients of the small global attention depend on the order in which a CPU sums: those of the plain
# composition are off by as much.
GRADIENT_TOLERANCE = {"f64": 1e-10, "f32": 5e-5}
DTYPE = {"f64": torch.float64, "f32": torch.float32}
ZERO = re.compile(r"(conv\d|local_att\.[03]|global_att\.[14])\.bias$")
OUTPUTS = {"out_x": "embedding", "sex": "gender", "sex_center": "gender_center"}
PLAIN = Path(__file__).resolve().parents[3] / "benchmarks" / "plain_sd_caff.py"


def module(path: Path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = loaded
    spec.loader.exec_module(loaded)
    return loaded


def vectors(name: str) -> dict[str, np.ndarray]:
    with np.load(ROOT / f"{name}.npz") as file:
        return {key: file[key] for key in file.files}


def close(ours, theirs, tolerance: float, name: str = "") -> None:
    """Relative to the largest value; biases before a batch norm, whose gradient is noise, absolutely."""
    ours, theirs = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    assert ours.shape == theirs.shape, name
    scale = 1.0 if ZERO.search(name) else float(np.abs(theirs).max())
    difference = float(np.abs(ours - theirs).max())
    assert difference <= tolerance * scale, f"{name}: differs by {difference}, largest {scale}"


def official_state(name: str) -> tuple[dict[str, torch.Tensor], str]:
    """The weights that a file's outputs were made with, of names and shapes of the plain composition."""
    _, direction, rectifier, center, gender = name.replace("sd_caff", "sdcaff").split("_")
    flags = {"bidirectional": direction == "bi", "dyrelu": rectifier == "dy"}
    model = module(PLAIN).PlainSDCAFF(**flags, center=center == "c1", gender=gender == "g1")
    digest, _ = module(ROOT / "recipe.py").fill(model)
    return model.state_dict(), digest


def ours(name: str) -> nn.Module:
    return SDCAFF.from_official(official_state(name)[0])


def plain(name: str) -> nn.Module:
    state = official_state(name)[0]
    model = module(PLAIN).PlainSDCAFF(
        bidirectional="_bi_" in name, dyrelu="_dy_" in name, center="_c1" in name, gender="_g1" in name
    )
    model.load_state_dict(state)
    model.to_official = model.state_dict
    return model


def ready(model: nn.Module, kind: str, mode: str) -> nn.Module:
    for each in model.modules():
        if isinstance(each, nn.Dropout):
            each.p = 0.0
    return model.to(DTYPE[kind]).train(mode == "train")


def inputs(kind: str) -> tuple[torch.Tensor, ...]:
    found = vectors("sd_caff_inputs")
    maps = [torch.from_numpy(found[name]).to(DTYPE[kind]).transpose(1, 2) for name in ("x_mfcc", "x_lstm")]
    return *maps, torch.from_numpy(found["y"]), torch.from_numpy(found["sex"])


def joint_loss(kind: str, center: bool, gender: bool, center_gradient: str = "plain") -> JointCenterLoss:
    recipe = module(ROOT / "recipe.py")
    loss = JointCenterLoss(4, center=center, gender=gender, center_gradient=center_gradient)
    with torch.no_grad():
        for each, name in ((loss.center_emotion, "center_emotion"), (loss.center_gender, "center_sex")):
            if each is not None:
                each.centers.copy_(torch.from_numpy(recipe.value(f"{name}.centers", tuple(each.centers.shape))))
    return loss.to(DTYPE[kind])


def gradients(model: nn.Module, loss: JointCenterLoss) -> dict[str, torch.Tensor]:
    """By the authors' names: the state that the model would have if its parameters were their gradients."""
    found = {"centers_emotion": loss.center_emotion, "centers_sex": loss.center_gender}
    found = {name: each.centers.grad for name, each in found.items() if each is not None}
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.data = parameter.grad
    buffers = ("lambdas", "init_v", "running_mean", "running_var", "num_batches_tracked")
    official = model.to_official().items()
    return found | {name: grad for name, grad in official if name.rsplit(".", 1)[-1] not in buffers}


@pytest.mark.parametrize("name", MODELS)
def test_weights_are_the_stored_ones_and_come_back_to_the_bit(name):
    state, digest = official_state(name)
    model = SDCAFF.from_official(state)
    stored = vectors(name)
    assert digest == str(stored["eval/f64/state_sha256"])
    assert sum(p.numel() for p in model.parameters()) == int(stored["eval/f64/n_params"])
    back = model.to_official()
    assert back.keys() == state.keys()
    assert all(torch.equal(back[key], state[key]) and back[key].dtype == state[key].dtype for key in state)


@pytest.mark.parametrize("build", [ours, plain])
@pytest.mark.parametrize("kind", ["f64", "f32"])
@pytest.mark.parametrize("name", MODELS)
def test_evaluation(name, kind, build):
    stored = vectors(name)
    if f"eval/{kind}/out/out_x" not in stored:
        pytest.skip("not stored in this type")
    mfcc, dynamic, _, _ = inputs(kind)
    with torch.no_grad():
        found = ready(build(name), kind, "eval")(mfcc, dynamic)
    theirs = {key.rsplit("/", 1)[-1]: value for key, value in stored.items() if key.startswith(f"eval/{kind}/out/")}
    assert found.keys() == {OUTPUTS.get(key, key) for key in theirs}
    for key, value in theirs.items():
        close(found[OUTPUTS.get(key, key)], value, TOLERANCE[kind], key)


@pytest.mark.parametrize("build", [ours, plain])
@pytest.mark.parametrize("kind", ["f64", "f32"])
@pytest.mark.parametrize("name", MODELS)
def test_training(name, kind, build):
    stored, prefix = vectors(name), f"train/{kind}/"
    if f"{prefix}out/out_x" not in stored:
        pytest.skip("not stored in this type")
    model, loss = ready(build(name), kind, "train"), joint_loss(kind, "_c1" in name, "_g1" in name)
    mfcc, dynamic, emotion, gender = inputs(kind)
    found = model(mfcc, dynamic)
    total, parts = loss(found, emotion, gender if loss.gender else None)
    total.backward()
    after = {key: value.clone() for key, value in model.to_official().items()}
    grads, checked = gradients(model, loss), set()
    for key, value in stored.items():
        if not key.startswith(prefix):
            continue
        what, _, leaf = key[len(prefix) :].partition("/")
        ours = {
            "out": lambda leaf=leaf: found[OUTPUTS.get(leaf, leaf)].detach(),
            "loss": lambda leaf=leaf: (
                total.detach() if leaf == "total" else parts[leaf.replace("sex", "gender")].detach()
            ),
            "gradnorm": lambda leaf=leaf: grads[leaf].double().norm(),
            "gradprobe": lambda leaf=leaf: (grads[leaf].double() * probe(leaf, grads[leaf])).sum(),
            "grad": lambda leaf=leaf: grads[leaf],
            "bn_after": lambda leaf=leaf: after[leaf],
        }.get(what)
        if ours is not None:
            tolerance = GRADIENT_TOLERANCE if what.startswith("grad") else TOLERANCE
            close(ours(), value, tolerance[kind], key)
            checked.add(what)
    assert {"out", "loss", "gradnorm"} <= checked


def probe(name: str, like: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(module(ROOT / "recipe.py").probe(name, tuple(like.shape)))


def three_steps(build, fused: bool) -> tuple[list[float], dict[str, torch.Tensor]]:
    model, lr = ready(build("sd_caff_uni_dy_c1_g1"), "f64", "train"), 5e-4
    loss = joint_loss("f64", True, True, "official")
    loss.follow_rate(lr)
    optimiser = torch.optim.Adam([*model.parameters(), *loss.parameters()], lr=lr, weight_decay=1e-6, fused=fused)
    mfcc, dynamic, emotion, gender = inputs("f64")
    losses = []
    for _ in range(3):
        optimiser.zero_grad()
        total, _ = loss(model(mfcc, dynamic), emotion, gender)
        total.backward()
        optimiser.step()
        losses.append(total.item())
    return losses, {**model.to_official(), **loss.state_dict()}


def test_three_steps_of_the_official_preset():
    (losses, state), (plain_losses, plain_state) = three_steps(ours, True), three_steps(plain, False)
    assert [round(value, 6) for value in losses] == [1.356156, 1.204411, 1.095620]
    close(losses, plain_losses, 1e-10)
    for name, value in plain_state.items():
        close(state[name].detach(), value.detach(), 1e-10, name)


@pytest.mark.parametrize("case", ["c8", "c32", "1d"])
def test_dynamic_relu(case):
    stored = {key: value for key, value in vectors("dyrelub").items()}
    x = torch.from_numpy(stored[f"{case}/x"]).requires_grad_()
    source = "c8" if case == "1d" else case
    lobe = DynamicReLU(x.shape[1]).double()
    weights = {key: value for key, value in stored.items() if key.startswith(f"{source}/w/")}
    lobe.load_state_dict({k.rsplit("/", 1)[-1]: torch.from_numpy(v) for k, v in weights.items()}, strict=False)
    y = lobe(x)
    close(y.detach(), stored[f"{case}/y"], 1e-10)
    if f"{case}/gout" in stored:
        y.backward(torch.from_numpy(stored[f"{case}/gout"]))
        close(x.grad, stored[f"{case}/gx"], 1e-10)
        for name, parameter in lobe.named_parameters():
            close(parameter.grad, stored[f"{case}/g/{name}"], 1e-10, name)


@pytest.mark.parametrize("case", ["k4d4", "k2d2", "k4d16"])
def test_center_loss(case):
    stored = vectors("center_loss")
    outputs = torch.from_numpy(stored[f"{case}/x"]).requires_grad_()
    loss = CenterLoss(*stored[f"{case}/centers"].shape).double()
    with torch.no_grad():
        loss.centers.copy_(torch.from_numpy(stored[f"{case}/centers"]))
    value = loss(outputs, torch.from_numpy(stored[f"{case}/labels"]))
    value.backward()
    close(value.detach(), stored[f"{case}/loss"], 1e-10)
    close(outputs.grad, stored[f"{case}/gx"], 1e-10)
    close(loss.centers.grad, stored[f"{case}/gcenters"], 1e-10)


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_cross_aff(mode):
    stored = vectors("cross_aff")
    lobe = CrossAFF(128, 64)
    state = {key[2:]: torch.from_numpy(value) for key, value in stored.items() if key.startswith("w/")}
    assert not lobe.load_state_dict(state, strict=False).unexpected_keys
    lobe.double().train(mode == "train")
    static, dynamic, grad = (torch.from_numpy(stored[key]).double() for key in ("static", "dynamic", "gout"))
    maps = static.requires_grad_(), dynamic.requires_grad_()
    before = {name: buffer.clone() for name, buffer in lobe.named_buffers()}
    z = lobe(*maps)
    z.backward(grad)
    close(z.detach(), stored[f"{mode}/z"], 1e-10)
    for name, x in zip("sd", maps, strict=True):
        close(x.grad.norm(), stored[f"{mode}/g{name}_norm"], 1e-10)
        close(x.grad.mean((2, 3)), stored[f"{mode}/g{name}_mean"], 1e-10)
    for name, parameter in lobe.named_parameters():
        close(parameter.grad.float(), stored[f"{mode}/g/{name}"], 1e-6, name)  # stored as float32
    for name, value in stored.items():
        if name.startswith("train/after/") and mode == "train":
            close(dict(lobe.named_buffers())[name[12:]].float(), value, 1e-6, name)
    with torch.no_grad():
        lobe.load_state_dict(before, strict=False)
        for name, x, weighted in zip("sd", maps, lobe.weighted(*maps), strict=True):
            close((weighted / x).mean((2, 3)), stored[f"{mode}/w{name}_mean"], 1e-10)
