"""YAML names code only in the repository's own files or where the user trusts it; nothing of the rest is ever built."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from data_folders import write_data
from recipe_list import RECIPES, write_recipe
from ruamel.yaml import YAML
from run_requests import request_of

from speechbrain_ext import hparams
from speechbrain_ext.analysis.mask_runs import load_run
from speechbrain_ext.training.paper_tables import load_table
from speechbrain_ext.training.plan import load_run as load_run_of_plan
from speechbrain_ext.training.run_request import print_trusted
from speechbrain_ext.utils import yaml_safety
from speechbrain_ext.utils.errors import UsageError, UserError
from speechbrain_ext.utils.files import write_sealed
from speechbrain_ext.utils.yaml_safety import code_to_trust, refuse_objects, refuse_tags, scan

RECIPE = RECIPES / "EmoDB", "amsnet"
MARKER = "EXECUTED"
APPLY = "!apply:os.mkdir ['{marker}']"
HOSTILE = {
    "apply": APPLY,
    "nested apply": "{{a: [1, {{b: !apply:os.mkdir ['{marker}']}}]}}",
    "applyref": "!applyref:os.mkdir ['{marker}']",
    "new": "!new:subprocess.Popen [[mkdir, '{marker}']]",
    "name": "!name:os.mkdir ['{marker}']",
    "module": "!module:antigravity",
    "python object": "!!python/object/apply:os.mkdir ['{marker}']",
    "python name": "!!python/name:os.mkdir ''",
    "written-out tag": "!<tag:yaml.org,2002:python/object/apply:os.mkdir> ['{marker}']",
    "tag handle": "%TAG ! tag:yaml.org,2002:python/object/\n--- !apply:os.mkdir ['{marker}']",
    "key with a tag": "{{? !apply:os.mkdir ['{marker}'] : 1}}",
    "nested key": "{{[1, 2]: 3}}",
    "tuple": "(!!python/object/apply:os.mkdir ['{marker}'])",
    "quoted tuple": "\"(!!python/object/apply:os.mkdir ['{marker}'])\"",
    "nested tuple": "[a, '(!!python/object/apply:os.mkdir [''{marker}''])']",
    "tuple after a space": "' (1, 2)'",
    "quoted tag": "'!apply:os.mkdir [x]'",
    "include": "!include:/etc/hostname",
    "copy": "!copy <lr>",
    "plain tag": "!!str 3",
    "bare tag": "! 3",
    "second document": "1\n--- !apply:os.mkdir ['{marker}']",
    "anchor": "&a 1",
    "recursive alias": "&a [*a]",
    "merge key": "{{<<: {{a: 1}}}}",
    "many laughs": "[&a [l, l], &b [*a, *a], &c [*b, *b], [*c, *c]]",
    "attribute of a reference": "!ref <lr.__class__>",
    "power in a reference": "!ref <epochs> ** <epochs>",
    "text in a reference": "!ref <variant>/../../x",
    "reference without a key": "!ref 3",
    "list as a reference": "!ref [<lr>]",
    "deep": "[" * 5000 + "]" * 5000,
    "open and deep": "[" * 5000,
    "control character": "a\x00b",
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("key", ["scheduler", "lr", "phases", "spec_augment"])
def test_an_override_builds_nothing(tmp_path, kind, key):
    text = HOSTILE[kind].format(marker=tmp_path / MARKER)
    with pytest.raises(UsageError, match=f"--{key}") as fault:
        hparams.load_system(*RECIPE, hparams.parse_overrides([f"--{key}", text])).build()
    assert "\n" not in str(fault.value) and not (tmp_path / MARKER).exists()


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_value_in_memory_builds_nothing(tmp_path, kind):
    """Callers from Python may hand over nodes that no check has seen."""
    text = HOSTILE[kind].format(marker=tmp_path / MARKER)
    try:
        value = YAML().load(text)
    except Exception:
        pytest.skip("no value")
    if value in (1, 3):
        pytest.skip("a plain value")
    if "laughs" in kind:
        pytest.skip("finite, and refused as no value of any key")
    with pytest.raises(UsageError, match="--scheduler"):
        hparams.load_system(*RECIPE, {"scheduler": value}).build()
    assert not (tmp_path / MARKER).exists()


def test_objects_in_memory_are_refused():
    for value in (object(), print, {1: 2}, {"__tag__": "!new:x.Y"}, [b"bytes"], {"a": {"b-c": 1}}):
        with pytest.raises(UserError, match="here"):
            refuse_objects(value, "here")
    refuse_objects({"a": [1, 0.5, None, True, "text"]}, "here")


@pytest.mark.parametrize("kind", [k for k in HOSTILE if k not in ("include", "copy")])
def test_a_received_folder_builds_nothing(tmp_path, kind):
    folder = received(tmp_path, overrides=["--scheduler", HOSTILE[kind].format(marker=tmp_path / MARKER)])
    with pytest.raises(UserError, match="--scheduler"):
        load_run(folder)
    assert not (tmp_path / MARKER).exists()


def received(folder: Path, **changes) -> Path:
    """An experiment's folder from elsewhere, with the settings that its sender chose."""
    data, seed = folder / "data/EmoDB-mini", folder / "exp/EmoDB-mini/amsnet/row/random5/seed-1"
    for place in (data, seed):
        place.mkdir(parents=True)
    # Its sender seals it too.
    write_data(data, [], source="mini", labels=("anger", "sadness"))
    spec = {"recipe": str(RECIPE[0]), "system": RECIPE[1], "data": str(data), "exp": str(folder / "exp")}
    spec["cache"] = str(folder)
    write_sealed(seed / "spec.json", {**spec, **changes})
    return seed


def foreign(folder: Path, code: str = "!name:os.mkdir {path: x}") -> Path:
    """A recipe outside the repository, whose system names code."""
    system = f"variant: a\nvariants: {{a: [one]}}\nfeatures: {{}}\nphases:\n    one: {{network: {code}}}\n"
    return write_recipe(folder, system, "protocol: random5\n")


@pytest.mark.parametrize("trust_in_file", [False, True])
def test_a_received_folder_does_not_choose_its_yaml(tmp_path, trust_in_file):
    path = foreign(tmp_path / "elsewhere", f"!apply:os.mkdir ['{tmp_path / MARKER}']")
    folder = received(tmp_path, recipe=str(path), system="own", trust=trust_in_file)
    with pytest.raises(UserError, match=r"own.yaml: this YAML lies outside .*!apply:os.mkdir .*add --trust"):
        load_run(folder)
    assert not (tmp_path / MARKER).exists()


@pytest.mark.parametrize(
    ("change", "value"),
    [("overrides", "--lr 3"), ("overrides", [1]), ("row", 3), ("seed", True), ("compile", 1), ("exp", None)],
)
def test_settings_of_another_kind_are_refused(tmp_path, change, value):
    with pytest.raises(UserError, match=f"spec.json: {change}: expected what stage 2 writes"):
        load_run(received(tmp_path, **{change: value}))


def test_a_recipe_from_elsewhere_needs_trust_and_then_runs(tmp_path, capsys):
    foreign(tmp_path, "!name:collections.Counter {}")
    with pytest.raises(UserError, match=r"no code \(.*corpus.yaml\), no code .*!name:collections.Counter .*own.yaml:5"):
        hparams.load_system(tmp_path, "own")
    loaded = hparams.load_system(tmp_path, "own", trust=True)
    assert [tag.split()[0] for tag in loaded.trusted] == ["no", "no", "!name:collections.Counter"]
    assert loaded.build()["phases"]["one"]["network"]() == {}
    words = ["--recipe", str(tmp_path), "--system", "own", "--data", "d", "--exp", "e", "--device", "cpu"]
    with pytest.raises(UserError, match="add --trust"):
        load_run_of_plan(request_of(words).specs[0])
    print_trusted.cache_clear()
    (spec,) = request_of([*words, "--trust"]).specs
    assert spec.trust and load_run_of_plan(spec).hp.trusted
    assert "--trust: runs !name:collections.Counter" in capsys.readouterr().out


def test_an_own_recipe_with_a_system_from_elsewhere_needs_trust(tmp_path, monkeypatch):
    monkeypatch.setattr(yaml_safety, "RECIPES", tmp_path)
    outside = foreign(tmp_path / "deeper/outside")
    own = write_recipe(tmp_path / "EmoDB", "", "protocol: random5\n")
    (own / "systems/own.yaml").unlink()
    (own / "systems/own.yaml").symlink_to(outside / "systems/own.yaml")
    with pytest.raises(UserError, match="!name:os.mkdir .*add --trust"):
        hparams.load_system(own, "own")


@pytest.mark.parametrize(
    ("code", "needs_trust"),
    [
        ("!name:speechbrain_ext.lobes.amsnet.FRLM {}", False),
        ("!name:speechbrain_ext.lobes.cross_attention.SSLCrossAttentionClassifier {}", False),
        ("!new:speechbrain.nnet.schedulers.StepScheduler {}", False),
        ("!new:speechbrain_ext.training.schedule.PiecewiseRate {}", False),
        ("!name:speechbrain_ext.lobes.amsnet.torch.load {}", True),
        ("!name:speechbrain_ext.lobes.amsnet.Tensor {}", True),
        ("!name:speechbrain_ext.features.hub.os.system {}", True),
        ("!name:speechbrain_ext.features.ssl_models.find {}", True),
        ("!name:speechbrain_ext.utils.files.remove_folder {}", True),
        ("!name:speechbrain_ext.lobes.nothing.There {}", True),
        ("!name:speechbrain_ext.lobes_of_another.Thing {}", True),
        ("!new:speechbrain_ext.lobes.amsnet.FRLM {}", True),
        ("!new:speechbrain.nnet.schedulers.torch.save {}", True),
        ("!apply:speechbrain_ext.lobes.amsnet.FRLM {}", True),
        ("!apply:os.system {}", True),
        ("!module:os ''", True),
        ("!!python/name:os.system ''", True),
    ],
)
def test_own_yaml_may_name_what_is_on_the_list(code, needs_trust):
    tags = scan(f"a: {code}", "x.yaml")
    assert bool(code_to_trust(RECIPES / "EmoDB/hparams/amsnet.yaml", tags)) is needs_trust


def test_all_yaml_of_the_repository_is_own_and_on_the_list():
    files = [*RECIPES.glob("*/corpus.yaml"), *RECIPES.glob("*/hparams/*.yaml")]
    files += RECIPES.glob("shared/systems/*.yaml")
    assert len(files) > 20
    for path in files:
        assert not code_to_trust(path, scan(path.read_text(encoding="utf-8"), str(path))), path
    for path in RECIPES.glob("*/tables/*.yaml"):
        refuse_tags(path.read_text(encoding="utf-8"), str(path))


@pytest.mark.parametrize(
    "place", ["EmoDB/exp/x/hparams/a.yaml", "EmoDB/a.yaml", "../a.yaml", "hparams/a.yaml", "corpus.yaml"]
)
def test_a_place_inside_the_repository_is_not_enough(place):
    assert not yaml_safety.is_own(RECIPES / place)
    assert yaml_safety.is_own(RECIPES / "EmoDB/hparams/a.yaml") and yaml_safety.is_own(RECIPES / "EmoDB/corpus.yaml")


@pytest.mark.parametrize("kind", ["apply", "recursive alias", "tuple", "key with a tag", "many laughs", "deep"])
def test_a_table_holds_plain_values_alone(tmp_path, kind):
    folder = tmp_path / "recipes/EmoDB"
    shutil.copytree(RECIPES / "EmoDB/tables", folder / "tables")
    shutil.copy(RECIPES / "EmoDB/corpus.yaml", folder)
    text = HOSTILE[kind].format(marker=tmp_path / MARKER)
    row = f"{{name: A, variant: frlm, protocol: random5, overrides: {{lr: {text}}}, paper: null}}"
    (folder / "tables/amsnet_table9.yaml").write_text(
        f"title: T\nsource: {{paper: P, table: '9'}}\nsystem: amsnet\nrows: [{row}]\n"
    )
    with pytest.raises(UserError, match="amsnet_table9.yaml"):
        load_table(folder, "amsnet/9")
    assert not (tmp_path / MARKER).exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"\xff\xfe", "not YAML"),
        (b"a: 1\n" * 300000, "regular file of at most"),
        (b"system: nothing\n", "own.yaml: system: nothing: systems: "),
        (b"system: !include:own.yaml\n", "own.yaml: system: !include:own.yaml: "),
        (b"&a system: *a\n", "anchor or alias"),
    ],
)
def test_a_strange_recipe_is_one_line(tmp_path, text, told):
    (foreign(tmp_path) / "hparams/own.yaml").write_bytes(text)
    with pytest.raises(UserError, match=told) as fault:
        hparams.load_system(tmp_path, "own", trust=True)
    assert "\n" not in str(fault.value)


def test_a_fifo_is_not_read(tmp_path):
    import os

    (foreign(tmp_path) / "hparams/own.yaml").unlink()
    os.mkfifo(tmp_path / "hparams/own.yaml")
    with pytest.raises(UserError, match="expected a regular file"):
        hparams.load_system(tmp_path, "own", trust=True)


def test_what_is_built_is_what_was_checked(tmp_path):
    foreign(tmp_path, "!name:collections.Counter {}")
    loaded = hparams.load_system(tmp_path, "own", trust=True)
    (tmp_path / "systems/own.yaml").write_text(f"a: !apply:os.mkdir ['{tmp_path / MARKER}']\n")
    assert "one" in loaded.build()["phases"] and not (tmp_path / MARKER).exists()


def test_references_are_resolved_and_checked():
    changed = hparams.load_system(*RECIPE, hparams.parse_overrides(["--fusion_epochs", "!ref <epochs> * 2"]))
    assert changed.build()["fusion_epochs"] == 400
    for text, told in {
        "!ref <lr> / 0": "division by zero",
        "!ref <nothing>": "there is no such key",
        "!ref <variant> * 2": "expected a number as <variant>",
        "!ref <epochs>": "leads back to itself",
        "!ref <lr>": "expected integer",
    }.items():
        with pytest.raises(UsageError, match=f"--epochs: .*{told}"):
            hparams.load_system(*RECIPE, hparams.parse_overrides(["--epochs", text]))
