"""A network that is built in Python without arguments is the one that its system's YAML builds."""

from __future__ import annotations

import importlib
import inspect
import re

import pytest
from recipe_list import RECIPES

from speechbrain_ext import hparams

SHARED = RECIPES / "shared"
# The recurrence over descriptors alone needs it, and is off.
UNUSED = {"max_frames"}


def networks():
    """Each network that a system's YAML builds, and the node that builds it."""
    for system in hparams.list_systems(SHARED):
        for phase, node in hparams.load_system(SHARED, system).tree["phases"].items():
            if isinstance(node.get("network"), dict):
                yield pytest.param(system, node["network"], id=f"{system}-{phase}")


@pytest.mark.parametrize(("system", "node"), list(networks()))
def test_defaults_of_a_network_are_the_values_of_its_yaml(system, node):
    tree = hparams.load_system(SHARED, system).tree
    module, _, name = node["__tag__"].partition(":")[2].rpartition(".")
    compared = 0
    for key, parameter in inspect.signature(getattr(importlib.import_module(module), name)).parameters.items():
        reference = re.fullmatch(r"!ref <(\w+)>", str(node.get(key)))
        if reference and parameter.default is not parameter.empty and key not in UNUSED:
            value = tree[reference[1]]
            assert parameter.default == (tuple(value) if isinstance(value, list) else value), key
            compared += 1
    assert compared or name == "CAMSERClassifier", "it names a variant, as it has no default"
