"""Which methods there are, and which systems they apply to."""

from __future__ import annotations

import json

import pytest
from recipe_list import RECIPES

from speechbrain_ext.corpora.task import Task
from speechbrain_ext.cross_corpus.request import adapted_spec
from speechbrain_ext.hparams import load_system
from speechbrain_ext.training.methods import AS_TRAINED, METHODS, find_methods
from speechbrain_ext.training.run_spec import RunSpec
from speechbrain_ext.training.target import TargetCorpus
from speechbrain_ext.utils.errors import UsageError


def refused(system: str, *names: str, **overrides) -> list[str]:
    """Those of some methods that do not apply to a system."""
    hp = load_system(RECIPES / "EmoDB", system, overrides)
    found = {name: METHODS[name].refusal(hp) for name in names}
    assert all(not text or text.startswith(f"{name} does not apply to {system}: ") for name, text in found.items())
    return [name for name, text in found.items() if text]


NAMES = ("as-trained", "corpus-znorm", "speaker-znorm", "coral")


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        ("svm", []),
        ("amsnet", ["coral"]),
        ("sd_caff", ["corpus-znorm", "speaker-znorm", "coral"]),
        ("am_resnet", ["corpus-znorm", "speaker-znorm", "coral"]),
    ],
)
def test_a_method_that_does_not_apply_says_why(system, expected):
    assert refused(system, *NAMES) == expected


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
    assert refused("ssl_probe", *NAMES, ssl_model="no/such-model") == ["corpus-znorm", "speaker-znorm", "coral"]


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
