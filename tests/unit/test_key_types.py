"""Every hyper-parameter has a declared type and range, and a wrong value is found before anything is computed."""

from __future__ import annotations

import math
import shutil

import pytest
import torch
from recipe_list import RECIPES, SYSTEMS, each_recipe, write_recipe

from speechbrain_ext import hparams
from speechbrain_ext.hparams.key_types import COMMON_TYPES, declared_types, parse_type
from speechbrain_ext.hparams.system_checks import STRUCTURE
from speechbrain_ext.hparams.training import OPTIMIZERS
from speechbrain_ext.training import system_build
from speechbrain_ext.training.schedule import PiecewiseRate
from speechbrain_ext.training.system_build import check_system
from speechbrain_ext.utils.errors import UsageError, UserError

EMODB = RECIPES / "EmoDB"


def load(system: str, **overrides):
    return hparams.load_system(EMODB, system, overrides)


@each_recipe
def test_every_key_of_every_yaml_is_declared_and_its_values_fit(recipe, system):
    for source in ("real", "mini"):
        for preset in ("paper", *(hparams.load_system(recipe, system).tree.get("presets") or {})):
            loaded = hparams.load_system(recipe, system, source=source, preset=preset)
            keys = {key for key in loaded.tree if key == "variant" or key not in STRUCTURE}
            assert keys <= loaded.types.keys()


@pytest.mark.parametrize("system", SYSTEMS)
def test_no_value_of_a_wrong_kind_passes_for_any_key(system):
    for key, kind in load(system).types.items():
        if key in ("loss_lr", "n_classes"):
            continue
        wrong = [value for value in (True, 3, 0.5, "word", "", [], [[]], None) if not kind.accepts(value)]
        if kind.kind in ("integer", "number"):
            strange = [math.nan, math.inf, -math.inf, -1e30, "3", True, []]
            assert not any(map(kind.accepts, strange)), key
        assert len(wrong) >= 3, key
        with pytest.raises(UsageError, match=f"--{key}: expected") as fault:
            load(system, **{key: wrong[0]})
        assert "\n" not in str(fault.value)


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_number_has_a_bound(system):
    types = declared_types(load(system).tree.get("types", {}))
    for key, kind in types.items():
        number = kind.item or kind
        assert number.kind not in ("integer", "number") or number.bounds, key


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--lr 1e30", "--lr: expected number > 0, <= 10, found 1e.30: give another value, such as -- --lr 0.0001"),
        ("--lr .nan", "--lr: expected number > 0, <= 10, found nan"),
        ("--lr=", "--lr: expected number > 0, <= 10, found None"),
        ("--epochs -3", "--epochs: expected integer >= 1, <= 1000000, found -3: .*such as -- --epochs 200"),
        ("--batch_size 0", "--batch_size: expected integer >= 1"),
        ("--batch_size true", "--batch_size: .*found True"),
        ("--optimizer lr_scheduler", "--optimizer: expected one of Adadelta"),
        ("--channels []", "--channels: expected list of integer"),
        ("--phases {fusion:{training:{epochs:0}}}", "--phases: fusion: epochs: expected integer >= 1"),
        ("--types {lr:text}", "--types: expected a hyper-parameter, found a part of"),
        ("--variants {full:[]}", "--variants: expected a hyper-parameter"),
    ],
)
def test_a_wrong_value_names_key_range_and_cure(words, told):
    key, _, value = words.replace("=", " ").partition(" ")
    with pytest.raises(UsageError, match=told):
        hparams.load_system(EMODB, "amsnet", hparams.parse_overrides([key, value.replace(":", ": ")]))


def test_a_wrong_value_of_a_recipe_names_the_file(tmp_path):
    shutil.copytree(EMODB, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("exp", "data"))
    path = tmp_path / "hparams/amsnet.yaml"
    path.write_text(path.read_text().replace("\nepochs: 200", "\nepochs: 0"))
    with pytest.raises(UserError, match=r"amsnet.yaml: epochs: expected integer >= 1, <= 1000000, found 0: change it"):
        hparams.load_system(tmp_path, "amsnet", trust=True)


@pytest.mark.parametrize(
    ("types", "told"),
    [
        ("{width: integer >= 1}", "rate: expected its type under `types:`, found none"),
        ("{width: integer >= 1, rate: whole, x: text}", "types: rate: expected a type such as"),
        ("{width: integer >= 1, rate: number > 0, x: text}", "types: x: expected a key of this system"),
        ("[width]", "types: expected keys with their types"),
    ],
)
def test_a_system_without_full_declarations_is_refused(tmp_path, types, told):
    system = "variant: a\nwidth: 3\nrate: 0.5\nfeatures: {}\nphases: {one: {}}\nvariants: {a: [one]}\n"
    write_recipe(tmp_path, f"{system}types: {types}\n")
    with pytest.raises(UserError, match=told):
        hparams.load_system(tmp_path, "own", trust=True)


def test_declarations_and_optimisers_are_what_they_say():
    for text in COMMON_TYPES.values():
        assert parse_type(text).text == text
    for name in OPTIMIZERS.split(", "):
        assert issubclass(getattr(torch.optim, name), torch.optim.Optimizer)
    for text in ("whole", "integer above 1", "one of", "list of", "number >= x", ""):
        with pytest.raises(ValueError, match="expected a type such as"):
            parse_type(text)


@pytest.mark.parametrize(
    ("system", "keys", "told"),
    [
        ("amsnet", {"reduction": 300}, "phase urlm: reduction: expected a whole number from 1 to 256"),
        ("amsnet", {"kernels": [8, 5]}, "phase urlm: kernels: expected one for each of channels"),
        ("amsnet", {"lld_size": 50}, "phase frlm: lld: expected .* 50"),
        ("amsnet", {"duration_s": 0.001}, "phase frlm: duration_s: expected at least one frame"),
        ("amsnet", {"spec_augment": {"x": 1}}, "phase frlm: .*unexpected keyword argument 'x'"),
        ("amsnet", {"augment_waveform": ["fast"]}, "variant fast: expected a name like"),
        ("amsnet", {"phases": {"urlm": {"network": {"channels": [-1, 2, 3]}}}}, "phase urlm"),
        ("am_resnet", {"strides": [4]}, "phase am_resnet: strides"),
        ("am_resnet", {"kernel": 6}, "phase am_resnet: kernel: expected an odd number"),
        ("am_resnet", {"scheduler": {"rates": [0.1]}}, "am_resnet.yaml: expected a rate for each rising epoch"),
        ("am_resnet", {"scheduler": {"rates": [math.nan, 1, 1]}}, "expected rates above 0"),
        ("sd_caff", {"segment_s": 0.2}, "phase sd_caff: expected MFCC"),
        ("sd_caff", {"hidden_size": 3}, "phase sd_caff: hidden_size"),
        (
            "am_resnet_w2v2_ca",
            {"phases": {"ca": {"training": {"optimizer_options": {"betas": [2, 2]}}}}},
            "phase ca: Invalid beta",
        ),
    ],
)
def test_keys_that_do_not_fit_together_are_found_before_stage_1(system, keys, told):
    with pytest.raises(UserError, match=told) as fault:
        check_system(load(system, **keys))
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize(("key", "needed"), [("duration_s", True), ("pad", True), ("speaker_normalisation", False)])
def test_a_system_without_a_key_of_lengths_is_refused_before_stage_1(tmp_path, key, needed):
    text = (RECIPES / "shared/systems/amsnet.yaml").read_text(encoding="utf-8")
    lines = [line.replace("!ref <pad>", "mask") for line in text.splitlines() if not line.startswith(f"{key}:")]
    (tmp_path / "systems").mkdir()
    (tmp_path / "systems/mine.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (tmp_path / "corpus.yaml").write_text("corpus: EmoDB\n", encoding="utf-8")
    loaded = hparams.load_system(tmp_path, "mine", trust=True)
    if not needed:
        return check_system(loaded)
    with pytest.raises(UserError, match=f"mine.yaml: missing key {key}, which the feature lld needs: add it"):
        check_system(loaded)


@each_recipe
def test_every_recipe_passes(recipe, system):
    check_system(hparams.load_system(recipe, system, source="mini"))


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_variant_passes_and_no_model_is_fetched(system, monkeypatch):
    monkeypatch.setattr("speechbrain_ext.features.hub.fetch", lambda name: pytest.fail(f"fetched {name}"))
    monkeypatch.setattr("speechbrain_ext.lobes.alexnet.torchvision_weights", lambda *_: pytest.fail("fetched AlexNet"))
    before = torch.random.get_rng_state()
    for variant in load(system).tree["variants"]:
        check_system(load(system, variant=variant))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_every_phase_is_built_and_small_networks_run(monkeypatch):
    """The forward is where sizes of features and networks meet."""
    ran = []
    inner = system_build._Trial.check_phase

    def spy(trial, name):
        inner(trial, name)
        ran.append((name, name in trial.outputs))

    monkeypatch.setattr(system_build._Trial, "check_phase", spy)
    check_system(load("amsnet"))
    check_system(load("am_resnet_w2v2_ca"))
    assert ran == [("frlm", True), ("urlm", True), ("fusion", True), ("am_resnet", True), ("ca", False)]


@pytest.mark.parametrize("rate", [math.nan, math.inf, 0, -1, 1e30, True, "0.1"])
def test_a_schedule_has_rates_that_can_be_learned_with(rate):
    with pytest.raises(ValueError, match="expected rates above 0 and at most 10"):
        PiecewiseRate([0.1, rate], [1, 2])
