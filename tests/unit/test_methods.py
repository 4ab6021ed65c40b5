"""Which methods there are, and which systems they apply to."""

from __future__ import annotations

import json
import re

import pytest
from recipe_list import RECIPES

from speechbrain_ext.corpora.task import Task
from speechbrain_ext.cross_corpus.request import adapted_spec
from speechbrain_ext.hparams import load_system
from speechbrain_ext.training.methods import AS_TRAINED, METHODS, find_methods, method_named
from speechbrain_ext.training.run_spec import RunSpec
from speechbrain_ext.training.target import TargetCorpus
from speechbrain_ext.utils.errors import UsageError


def refused(system: str, *names: str, **overrides) -> list[str]:
    """Those of some methods that do not apply to a system."""
    hp = load_system(RECIPES / "EmoDB", system, overrides)
    found = {name: METHODS[name].refusal(hp) for name in names}
    assert all(not text or text.startswith(f"{name} does not apply to {system}: ") for name, text in found.items())
    return [name for name, text in found.items() if text]


NAMES = ("as-trained", "corpus-znorm", "speaker-znorm", "coral", "deep-coral", "dann", "adabn")
NETWORKS = ["deep-coral", "dann", "adabn"]


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        ("svm", NETWORKS),
        ("amsnet", ["coral"]),
        ("sd_caff", ["corpus-znorm", "speaker-znorm", "coral"]),
        ("am_resnet", ["corpus-znorm", "speaker-znorm", "coral"]),
    ],
)
def test_a_method_that_does_not_apply_says_why(system, expected):
    assert refused(system, *NAMES) == expected


def test_adabn_is_for_networks_that_have_batch_norms():
    assert refused("amsnet", "adabn", "dann", variant="frlm") == ["adabn"]
    assert refused("sd_caff", "adabn", variant="lstm") == ["adabn"]
    assert not refused("amsnet", "adabn", variant="urlm")


def test_a_method_that_is_trained_with_a_penalty_has_a_strength():
    assert METHODS["dann"].strength == METHODS["deep-coral"].strength == 1.0
    weaker = method_named("dann@0.30")
    assert (weaker.name, weaker.base, weaker.strength, weaker.trained) == ("dann@0.3", "dann", 0.3, "target")
    assert weaker.transductive and "strength 0.3" in weaker.title
    for name, message in {
        "coral@0.5": "--methods coral@0.5: expected coral, as only deep-coral, dann have a strength",
        "dann@": "--methods dann@: expected a strength above 0 after dann@, found ''",
        "dann@0": "found '0'",
        "dann@-1": "found '-1'",
        "dann@nan": "found 'nan'",
        "dann@inf": "found 'inf'",
        "danm@1": "--methods danm@1: did you mean dann",
    }.items():
        with pytest.raises(UsageError, match=re.escape(message)):
            method_named(name)


def test_methods_stand_in_one_order_whatever_was_typed():
    names = [method.name for method in find_methods(["dann@0.3", "adabn", "dann", "coral", "dann@0.1", "dann"])]
    assert names == ["as-trained", "coral", "dann@0.1", "dann@0.3", "dann", "adabn"]
    assert [method.name for method in find_methods(["all", "dann@2"])] == [
        "as-trained",
        "corpus-znorm",
        "speaker-znorm",
        "coral",
        "deep-coral",
        "dann",
        "dann@2",
        "adabn",
    ]


def test_as_trained_is_always_there_and_first():
    assert [method.name for method in find_methods(["coral", "corpus-znorm"])] == [
        "as-trained",
        "corpus-znorm",
        "coral",
    ]
    assert find_methods(["all"]) == tuple(METHODS.values()) and next(iter(METHODS)) == AS_TRAINED
    with pytest.raises(UsageError, match="--methods corall: did you mean coral"):
        find_methods(["corall"])


def test_only_the_unadapted_model_sees_no_target():
    assert [name for name, method in METHODS.items() if not method.transductive] == [AS_TRAINED]


def test_a_system_whose_pretrained_model_is_out_of_reach_still_says_why():
    expected = ["corpus-znorm", "speaker-znorm", "coral"]
    assert refused("ssl_probe", *NAMES[:-1], ssl_model="no/such-model") == expected


def test_the_keys_of_a_method_stand_for_those_of_the_user():
    spec = RunSpec("r", "svm", "d", "e", "c", overrides=("--variant", "egemaps", "--speaker_normalisation", "False"))
    target = TargetCorpus("data/RAVDESS-mini", Task(("anger", "sadness")))
    found = adapted_spec(spec, METHODS["speaker-znorm"], target)
    assert found.overrides == ("--variant", "egemaps", "--speaker_normalisation", "True")
    assert (found.method, found.target, found.target_task) == ("speaker-znorm", "", "")
    found = adapted_spec(spec, METHODS["coral"], target)
    assert found.overrides == spec.overrides and (found.method, found.target) == ("coral", target.folder)
    assert Task.from_dict(json.loads(found.target_task)) == target.task
    assert adapted_spec(spec, METHODS["corpus-znorm"], target) == spec
