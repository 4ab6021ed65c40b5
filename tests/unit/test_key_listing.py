"""`-- --help` lists every key of every system once, with value, type, meaning and source, and needs no corpus."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from recipe_list import EVERY, RECIPES, each_recipe

from speechbrain_ext import hparams
from speechbrain_ext.bin.keys import main
from speechbrain_ext.corpora.task import TASK_KEYS
from speechbrain_ext.hparams.key_listing import TASK_MEANINGS, groups, list_keys
from speechbrain_ext.hparams.key_types import MEANINGS
from speechbrain_ext.hparams.system_checks import STRUCTURE

REPOSITORY = Path(__file__).resolve().parents[2]


def listed(recipe: str, system: str, preset: str = "paper") -> dict[str, str]:
    """Lines of a listing by key."""
    hp = hparams.load_system(RECIPES / recipe, system, preset=preset)
    lines = [line for line in list_keys(hp, preset).splitlines() if line.startswith("  --")]
    found = {line.split()[0].removeprefix("--"): line for line in lines}
    assert len(found) == len(lines), "a key stands in two lines"
    return found


@each_recipe
def test_every_key_is_listed_with_value_type_and_meaning(recipe, system):
    for preset in ("paper", *(hparams.load_system(recipe, system).tree.get("presets") or {})):
        hp = hparams.load_system(recipe, system, preset=preset)
        lines = listed(recipe.name, system, preset)
        keys = {key for key in hp.tree if key == "variant" or key not in STRUCTURE}
        assert lines.keys() == keys | TASK_KEYS
        for key in keys:
            kind = hp.types[key].text if key != "variant" else "one of "
            before, found, meaning = lines[key].partition(kind)
            assert found and meaning.strip(), key
            if isinstance(hp.tree[key], (int, float)) and not isinstance(hp.tree[key], bool):
                word = before.split()[1]
                assert hparams.parse_overrides([f"--{key}", word]) == {key: hp.tree[key]}


def test_meanings_are_of_keys_that_there_are():
    keys = set().union(*(hparams.load_system(recipe, system).tree for recipe, system in EVERY))
    assert keys >= MEANINGS.keys() and TASK_MEANINGS.keys() == TASK_KEYS


def test_groups_stand_as_in_the_yaml():
    text = list_keys(hparams.load_system(RECIPES / "EmoDB", "am_resnet"))
    places = [
        text.index(word)
        for word in (
            *("System\n  --variant am_resnet", "\nData\n", "  --segment_s", "\nMADD (Section 2.2.1)\nreading: on the "),
            *(
                "  --madd_factor",
                "\nTraining (",
                "  --lr 0.01",
                "\nTraining, as for all systems\n",
                "\nTask: ",
                "  --classes ",
            ),
        )
    ]
    assert places == sorted(places)
    assert "On the mini corpus: {schedule_scale: 0.02}" in text


def test_keys_under_no_comment_belong_to_the_group_above():
    text = "# A system.\n\nvariant: a\n\nwidth: 3\n\n# Data (Section 2)\nrate: 3\n\ndepth: 2\n"
    assert groups(text) == [(["System"], ["variant", "width"]), (["Data (Section 2)"], ["rate", "depth"])]


def test_types_of_the_task_and_what_a_corpus_changes_of_it():
    lines = listed("EmoDB", "am_resnet")
    for key, value, kind, is_changed in (
        ("classes", "[anger, boredom, ", "list of text or empty", True),
        ("scenarios", "[]", "list of text or empty", False),
        ("merge_excited", "false", "boolean", False),
        ("soft_target_alpha", "", "number >= 0", False),
        ("emotion", "", "one of ", False),
    ):
        assert f"--{key} {value}" in lines[key] and f" {kind}" in lines[key], key
        assert lines[key].endswith(" [corpus]") == is_changed, key
    assert listed("IEMOCAP", "svm")["merge_excited"].endswith("[corpus]")


def test_up_to_six_variants_are_named_and_more_are_counted_first():
    for system in ("amsnet", "sd_caff", "ca_mser"):
        names = list(hparams.load_system(RECIPES / "EmoDB", system).tree["variants"])
        count = f"{len(names)}: " if system == "ca_mser" else ""
        assert f"  one of {count}{', '.join(names)}  " in listed("EmoDB", system)["variant"]


def test_source_and_place_of_a_value():
    paper, official = listed("IEMOCAP", "sd_caff"), listed("IEMOCAP", "sd_caff", "official")
    assert "--lr 0.005 " in paper["lr"] and "number > 0, <= 10" in paper["lr"] and "[" not in paper["lr"]
    assert "--lr 0.0005 " in official["lr"] and official["lr"].endswith("[preset official]")
    assert "--segments first" in official["segments"] and "--segments all" in paper["segments"]
    assert "Section 3.1: 2943 utterances [recipe]" in paper["merge_excited"]
    assert "2943" not in official["merge_excited"], "the comment is of the value that the preset replaces"
    assert "[anger, excited, neutral, sadness]" in official["classes"]
    batch = listed("IEMOCAP", "amsnet")["batch_size"]
    assert "--batch_size 64 " in batch and batch.endswith("Section 4.5: 64 or 128; reading: the smaller one [recipe]")
    assert listed("EmoDB", "am_resnet")["classes"].endswith("[corpus]")
    schedule = listed("EmoDB", "am_resnet")["scheduler"]
    assert "PiecewiseRate {rates: [0.01, 0.001, 0.0001], until: [40, 120, 400]}" in schedule
    assert "rates: Section 3.1.2" in schedule


def test_the_command_reads_no_corpus_and_builds_nothing(monkeypatch, capsys):
    monkeypatch.setattr(hparams.Hparams, "build", lambda self: pytest.fail("built"))
    main(["--recipe", str(RECIPES / "shared"), "--system", "svm"])
    assert "--c_grid [1e-05, 0.0001" in capsys.readouterr().out


@pytest.mark.parametrize("recipe", ["EmoDB", "shared"])
def test_run_sh_passes_on_help_behind_the_dashes(recipe, tmp_path):
    words = ["--system", "sd_caff", "--preset", "official", "--", "--help"]
    done = subprocess.run(
        ["bash", str(RECIPES / recipe / "run.sh"), *words], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0 and not done.stderr
    assert "--lr 0.0005" in done.stdout and "MINI CORPUS" not in done.stdout
    assert not list(tmp_path.iterdir())
