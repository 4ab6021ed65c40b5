"""Malformed states of the authors' modules: one clear line each, whatever is wrong with them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from speechbrain_ext.lobes import ca_mser as ca_mser_module
from speechbrain_ext.lobes.ca_mser import CAMSER
from speechbrain_ext.lobes.sd_caff import SDCAFF
from speechbrain_ext.lobes.ssl_encoder import encoder_of
from speechbrain_ext.utils.errors import UserError

CONFIG = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "conv_dim": [4] * 7,
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2,
}


def sd_caff() -> dict:
    torch.manual_seed(0)
    return dict(SDCAFF(4, dynamic_size=60, hidden_size=64, pool="before").to_official())


def ca_mser() -> dict:
    torch.manual_seed(0)
    return dict(CAMSER(CONFIG).to_official())


# How each network is loaded, a state of it, the name of a matrix whose shape gives a size, and of another weight.
NETWORKS = {
    "SD-CAFF": (SDCAFF.from_official, sd_caff, "integral_fc_emotion.weight", "conv2.weight"),
    "CA-MSER": (
        lambda state: CAMSER.from_official(state, CONFIG),
        ca_mser,
        "post_att_layer_3.weight",
        "lstm_mfcc.bias_hh_l1",
    ),
}
NO_STATES = [None, 3, "state", [("a", torch.zeros(1))], torch.zeros(3), torch.nn.Linear(2, 2), b"bytes"]
BAD_VALUES = {
    "none": None,
    "text": "0.5",
    "number": 0.5,
    "list": [0.5, 1.0],
    "array of objects": np.array([None, 1], dtype=object),
    "array of text": np.array(["a"]),
    "array of times": np.array([0], dtype="datetime64[s]"),
    "module": torch.nn.Linear(1, 1),
    "sparse": torch.eye(3).to_sparse(),
    "without values": torch.zeros(3, device="meta"),
    "quantised": torch.quantize_per_tensor(torch.zeros(3), 1.0, 0, torch.qint8),
}
BAD_TYPES = [torch.int64, torch.bool, torch.complex64, torch.int8]


@pytest.fixture(scope="module", params=list(NETWORKS))
def network(request):
    load, state, size, other = NETWORKS[request.param]
    return load, state(), size, other


def told(load, state) -> str:
    """The one line in which a state is refused."""
    with pytest.raises(UserError) as fault:
        load(state)
    assert "\n" not in str(fault.value) and "give the state_dict" in str(fault.value)
    return str(fault.value)


def test_a_good_state_is_taken(network):
    load, state, _, _ = network
    load(state)
    load({name: tensor.numpy() for name, tensor in state.items()})


@pytest.mark.parametrize("state", NO_STATES, ids=lambda each: type(each).__name__)
def test_what_is_no_state(network, state):
    assert "expected tensors by name, found" in told(network[0], state)


@pytest.mark.parametrize("value", list(BAD_VALUES))
def test_values_that_are_no_tensors(network, value):
    load, state, size, other = network
    for name in (size, other, "unknown"):
        assert f"{name}: expected a" in told(load, {**state, name: BAD_VALUES[value]})


@pytest.mark.parametrize("dtype", BAD_TYPES, ids=str)
def test_numbers_that_are_not_floating(network, dtype):
    load, state, size, other = network
    for name in (size, other):
        assert f"{name}: expected floating numbers" in told(
            load, {**state, name: torch.zeros(state[name].shape, dtype=dtype)}
        )
    assert "expected floating numbers" in told(load, {key: value.to(dtype) for key, value in state.items()})


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_not_finite(network, number):
    load, state, size, other = network
    for name in (size, other):
        spoiled = state[name].clone()
        spoiled.view(-1)[-1] = number
        assert f"{name}: expected finite numbers" in told(load, {**state, name: spoiled})


def test_two_types_of_numbers(network):
    load, state, _, other = network
    line = told(load, {**state, other: state[other].double()})
    assert "one type of numbers" in line and f"float64 ({other})" in line


@pytest.mark.parametrize("shape", [(), (0,), (4,), (0, 3), (1, 2, 3)], ids=str)
def test_wrong_shapes(network, shape):
    load, state, size, other = network
    for name in (size, other):
        assert name in told(load, {**state, name: torch.zeros(shape)})


FORMS = {
    "sparse": "one of layout sparse_coo",
    "without values": "one without values (device meta)",
    "quantised": "a quantised one",
}


@pytest.mark.parametrize("value", list(FORMS))
def test_the_form_of_a_tensor_that_is_not_dense_is_named(network, value):
    load, state, _, other = network
    assert f"{other}: expected a dense tensor with values, found {FORMS[value]}" in told(
        load, {**state, other: BAD_VALUES[value]}
    )


def test_up_to_eight_names_are_listed(network):
    load, state, _, _ = network
    own = [f"other.{number}" for number in range(9)]
    eight, nine = (told(load, {**state, **{name: torch.zeros(1) for name in own[:count]}}) for count in (8, 9))
    assert f"unknown: {', '.join(own[:8])}" in eight and "more" not in eight
    assert f"unknown: {', '.join(own[:8])} and 1 more" in nine


def test_names_that_are_missing_unknown_or_no_text(network):
    load, state, size, other = network
    for name in (size, other):
        assert name in told(load, {key: value for key, value in state.items() if key != name})
    assert "unknown" in told(load, {**state, "module.conv9.weight": torch.zeros(1)})
    assert "expected names as text, found 7" in told(load, {**state, 7: torch.zeros(1)})
    assert told(load, {})
    assert told(load, {f"module.{name}": value for name, value in state.items()})


def test_a_recurrent_matrix_of_another_form():
    state = sd_caff()
    state["lstm.weight_hh_l0"] = torch.zeros(64, 64)
    assert "lstm.weight_hh_l0: expected 4 rows a column" in told(SDCAFF.from_official, state)


def test_our_own_names_are_not_the_authors():
    state = ca_mser()
    assert "unknown: classifier.bias" in told(NETWORKS["CA-MSER"][0], {**state, "classifier.bias": torch.zeros(4)})
    place = "wav2vec2_model.encoder.pos_conv_embed.conv."
    twice = {**state, f"{place}weight_g": state[f"{place}parametrizations.weight.original0"]}
    assert "expected one name of a weight, found two" in told(NETWORKS["CA-MSER"][0], twice)


@pytest.mark.parametrize(
    "config",
    [None, "facebook", 3, {"model_type": "none"}, {**CONFIG, "hidden_size": "x"}, {**CONFIG, "hidden_size": 0},
     {**CONFIG, "num_hidden_layers": -1}, {**CONFIG, "num_attention_heads": None}, {**CONFIG, "hidden_act": "none"},
     {**CONFIG, "conv_dim": []}, {**CONFIG, "num_conv_pos_embedding_groups": 3}],
    ids=str,
)  # fmt: skip
def test_a_configuration_that_fits_no_model(config):
    with pytest.raises((UserError, ValueError)) as fault:
        CAMSER.from_official(ca_mser(), config)
    assert "\n" not in str(fault.value).strip()


def test_a_configuration_cannot_name_code_of_a_hub(monkeypatch):
    """transformers fetches and runs a kernel that `attn_implementation` names as OWNER/NAME."""
    asked = []
    monkeypatch.setattr(ca_mser_module, "encoder_of", lambda config: asked.append(config) or encoder_of(config))
    named = {"attn_implementation": "owner/kernel", "auto_map": {"AutoModel": "owner/code--model.Model"}}
    state = ca_mser()
    network = CAMSER.from_official(state, {**CONFIG, **named})
    found = asked[-1]
    assert "owner" not in f"{found.to_dict()} {found._attn_implementation}"
    assert network.to_official().keys() == state.keys()
