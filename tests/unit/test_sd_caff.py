"""SD-CAFF: Cross AFF against numpy, both branches, every variant, and the exchange of states."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from speechbrain_ext.lobes.cross_aff import CrossAFF
from speechbrain_ext.lobes.sd_caff import SDCAFF, VARIANTS, DynamicBranch, StaticBranch
from speechbrain_ext.lobes.sd_caff_classifier import SDCAFFClassifier
from speechbrain_ext.utils.errors import UserError

WIDTHS = {"full": 192, "cnn": 128, "lstm": 32, "concat": 192, "dd_caff": 192, "ss_caff": 192}


def small(variant="full", **keys):
    torch.manual_seed(0)
    hidden_size = 32 if variant == "lstm" else 128
    return SDCAFF(4, variant, dynamic_size=24, hidden_size=hidden_size, static_size=24, **keys)


def inputs(batch=3, time=30, dtype=torch.float32):
    generator = torch.Generator().manual_seed(5)
    return tuple(torch.randn(batch, time, 24, generator=generator).to(dtype) for _ in range(2))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def attention(layers, x, training):
    """Two 1 x 1 convolutions and batch norms over [batch, channel, place], in numpy."""
    convolutions = [each for each in layers if isinstance(each, nn.Conv2d)]
    norms = [each for each in layers if isinstance(each, nn.BatchNorm2d)]
    for n, (convolution, norm) in enumerate(zip(convolutions, norms, strict=True)):
        weight, bias = convolution.weight.detach().numpy()[:, :, 0, 0], convolution.bias.detach().numpy()
        x = np.einsum("oc,bcp->bop", weight, x) + bias[:, None]
        mean, variance = norm.running_mean.numpy(), norm.running_var.numpy()
        if training:
            mean, variance = x.mean((0, 2)), x.var((0, 2))
        x = (x - mean[:, None]) / np.sqrt(variance + norm.eps)[:, None]
        x = x * norm.weight.detach().numpy()[:, None] + norm.bias.detach().numpy()[:, None]
        x = np.maximum(x, 0) if n == 0 else x
    return x


@pytest.mark.parametrize("training", [True, False])
def test_cross_aff_equals_numpy(training):
    torch.manual_seed(2)
    lobe = CrossAFF(5, 3, inner=4).double()
    for tensor in [*lobe.parameters(), *(b for b in lobe.buffers() if b.dim())]:
        nn.init.uniform_(tensor, 0.5, 1.5)
    lobe.train(training)
    s, d = torch.randn(4, 5, 2, 3).double(), torch.randn(4, 3, 7).double()
    flat, other = s.flatten(2).numpy(), d.numpy()
    means = [x.mean(2, keepdims=True) for x in (flat, other)]
    parts = [lobe.static_local_att, lobe.dynamic_global_att, lobe.dynamic_local_att, lobe.static_global_att]
    own = [attention(*pair, training) for pair in zip(parts, (flat, means[1], other, means[0]), strict=True)]
    expected = [flat * sigmoid(own[0] + own[1]), other * sigmoid(own[2] + own[3])]
    vector = lobe(s, d).detach().numpy()
    assert np.abs(vector - np.concatenate([x.mean(2) for x in expected], 1)).max() < 1e-12
    if not training:
        assert [each.shape for each in lobe.weighted(s, d)] == [(4, 5, 2, 3), (4, 3, 1, 7)]
        for ours, theirs in zip(lobe.weighted(s, d), expected, strict=True):
            assert np.abs(ours.detach().flatten(2).numpy() - theirs).max() < 1e-12


def test_cross_aff_names_what_is_wrong():
    lobe = CrossAFF(5, 3)
    with pytest.raises(ValueError, match="at least 2 utterances in a batch, found 1"):
        lobe(torch.zeros(1, 5, 2, 2), torch.zeros(1, 3, 4))
    assert lobe.eval()(torch.zeros(1, 5, 2, 2), torch.zeros(1, 3, 4)).shape == (1, 8)
    with pytest.raises(ValueError, match=r"expected a map \[batch, 3, height, width\], found \[2, 4, 4\]"):
        lobe(torch.zeros(2, 5, 2, 2), torch.zeros(2, 4, 4))
    with pytest.raises(ValueError, match="one size, found 2 and 3"):
        lobe(torch.zeros(2, 5, 2, 2), torch.zeros(3, 3, 4))
    with pytest.raises(ValueError, match="inner: expected a whole number"):
        CrossAFF(5, 3, inner=0)
    assert CrossAFF(1, 1, inner=1).eval()(torch.zeros(2, 1, 2, 2), torch.zeros(2, 1, 4)).shape == (2, 2)


def stage(branch, number, x, order):
    """One stage of the CNN, its parts in the order of their letters: Pooling, Convolution, Norm, Rectifier."""
    parts = {
        "P": lambda x: nn.functional.max_pool2d(x, 2),
        "C": getattr(branch, f"conv{number}"),
        "N": getattr(branch, f"bn{number}"),
        "R": getattr(branch, f"relu{number}"),
    }
    for part in order:
        x = parts[part](x)
    return x


# The text of section 2.2, and what the authors' code does.
ORDERS = {"after": "CNR CNR CPNR CPNR CPNR".split(), "before": "CNR CNR PCNR PCNR PCNR".split()}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("activation", ["dynamic", "relu"])
@pytest.mark.parametrize("pool", ORDERS)
def test_the_order_of_convolution_pooling_norm_and_rectifier(pool, activation, training):
    torch.manual_seed(0)
    branch = StaticBranch(pool, activation, dropout=0.0).double()
    for norm in (each for each in branch.modules() if isinstance(each, nn.BatchNorm2d)):
        nn.init.uniform_(norm.weight, 0.5, 1.5), nn.init.uniform_(norm.bias, -0.5, 0.5)
    plain = copy.deepcopy(branch).train(training)
    mfcc = torch.randn(2, 251, 60, dtype=torch.float64)
    expected = mfcc.transpose(1, 2).unsqueeze(1)
    for number, order in zip((1, 2, 4, 5, 6), ORDERS[pool], strict=True):
        expected = stage(plain, number, expected, order)
    found = branch.train(training)(mfcc)
    assert found.shape == (2, 128, 7, 31)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_dynamic_branch_averages_neighbouring_units():
    branch = DynamicBranch(6, hidden_size=8, bidirectional=True, channels=4).eval()
    x = torch.randn(2, 5, 6)
    expected = branch.lstm(x)[0].view(2, 5, 4, 2).mean(3).permute(0, 2, 1)
    assert torch.allclose(branch(x)[:, :, 0], expected)
    uneven = DynamicBranch(6, hidden_size=10, channels=4).eval()
    assert uneven(x).shape == (2, 4, 1, 5)
    assert uneven(torch.randn(4, 5, 6)).shape == (4, 4, 1, 5)


def test_a_branch_has_64_channels_unless_told_otherwise_and_one_direction_any_number_of_units():
    assert DynamicBranch(6, hidden_size=64).eval()(torch.randn(2, 5, 6)).shape == (2, 64, 1, 5)
    assert DynamicBranch(6, hidden_size=9, channels=3).eval()(torch.randn(2, 5, 6)).shape == (2, 3, 1, 5)
    with pytest.raises(ValueError, match="units of all directions together, found 9"):
        DynamicBranch(6, hidden_size=9, bidirectional=True)


def test_the_smallest_mfcc_is_10_by_10():
    assert StaticBranch().eval()(torch.randn(2, 10, 10)).shape == (2, 128, 1, 1)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("bidirectional", [True, False])
def test_every_variant_gives_its_outputs_and_every_parameter_a_gradient(variant, bidirectional):
    model = small(variant, bidirectional=bidirectional)
    outputs = model(*inputs())
    sizes = {"embedding": WIDTHS[variant], "emotion": 4, "gender": 2, "emotion_center": 4, "gender_center": 2}
    assert {name: list(output.shape) for name, output in outputs.items()} == {n: [3, s] for n, s in sizes.items()}
    sum(output.square().sum() for output in outputs.values()).backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()] == []


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_utterance_does_not_depend_on_its_batch_mates(variant):
    model = small(variant).eval().double()
    maps = inputs(dtype=torch.float64)
    with torch.no_grad():
        whole, alone = model(*maps), model(*(x[1:2] for x in maps))
    for name in whole:
        assert torch.allclose(whole[name][1:2], alone[name], atol=1e-12)


def test_the_input_that_a_branch_alone_does_not_read_may_be_missing():
    mfcc, dynamic = inputs()
    assert small("cnn")(mfcc, None)["emotion"].shape == small("lstm")(None, dynamic)["emotion"].shape == (3, 4)


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_any_input_of_table_1(parts):
    maps = torch.randn(2, 251, 60), torch.randn(2, 251, 60 * parts)
    model = SDCAFF(4, dynamic_size=60 * parts, hidden_size=64).eval()
    with torch.no_grad():
        assert model(*maps)["embedding"].shape == (2, 192)


def test_both_cnns_of_ss_caff_read_the_mfcc():
    mfcc, dynamic = inputs()
    model = small("ss_caff").eval()
    read = []
    for branch in (model.static, model.dynamic):
        branch.register_forward_hook(lambda _, given, __: read.append(given[0]))
    with torch.no_grad():
        found = model(mfcc, dynamic)["embedding"]
        assert len(read) == 2 and all(torch.equal(each, mfcc) for each in read)
        assert torch.equal(found, model(mfcc, None)["embedding"])
        folded = model.dynamic(mfcc)  # [batch, 128, height, width]
        assert found.shape == (3, 192) and folded.shape[1] == 128


def test_dd_caff_pools_its_mfcc_lstm_to_128_and_the_other_to_64():
    model = small("dd_caff").eval()
    mfcc, dynamic = inputs()
    with torch.no_grad():
        assert model.static(mfcc).shape == (3, 128, 1, 30) and model.dynamic(dynamic).shape == (3, 64, 1, 30)
        assert torch.equal(model.fusion(model.static(mfcc), model.dynamic(dynamic)), model(mfcc, dynamic)["embedding"])
    assert model.embedding_size == 192


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("lengths", [None, [30, 30, 30], [30, 7, 1], [7, 30, 5]])
def test_the_lstm_row_reads_the_last_states_of_each_direction_without_dropout(bidirectional, lengths):
    model = small("lstm", bidirectional=bidirectional, dropout=0.5).double()
    x = torch.randn(3, 30, 24, dtype=torch.float64)
    counts = lengths or [30] * 3
    given = None if lengths is None else torch.tensor(lengths)
    found = model(None, x, given)["embedding"]
    assert model.training and torch.equal(found, model(None, x, given)["embedding"]), "no dropout"
    lstm = model.dynamic.lstm
    for row, count in enumerate(counts):
        outputs = lstm(x[row : row + 1, :count])[0][0]  # [frame, hidden]
        expected = outputs[-1]
        if bidirectional:
            expected = torch.cat([outputs[-1, : model.dynamic.lstm.hidden_size], outputs[0, lstm.hidden_size :]])
        torch.testing.assert_close(found[row], model.last(expected), rtol=1e-12, atol=1e-14)
    spoiled = x.clone()
    for row, count in enumerate(counts):
        spoiled[row, count:] = 1e6
    assert torch.equal(model(None, spoiled, given)["embedding"], found)


def test_impossible_lengths_are_named():
    for lengths in ([31, 5, 5], [0, 5, 5], [5, 5]):
        with pytest.raises(ValueError, match="expected 3 lengths from 1 to 30, found"):
            small("lstm")(None, inputs()[1], torch.tensor(lengths))


def test_shared_rectifier_of_the_second_cnn():
    apart, shared = small("ss_caff"), small("ss_caff", shared_relu4=True)
    assert shared.dynamic.relu4 is shared.static.relu4
    rectifier = sum(p.numel() for p in shared.static.relu4.parameters())
    assert sum(p.numel() for p in apart.parameters()) - sum(p.numel() for p in shared.parameters()) == rectifier


@pytest.mark.parametrize(("bidirectional", "count"), [(False, 5_195_758), (True, 3_098_606)])
def test_as_many_parameters_as_the_authors_module(bidirectional, count):
    model = SDCAFF(4, dynamic_size=180, bidirectional=bidirectional)
    assert sum(p.numel() for p in model.parameters()) == count


@pytest.mark.parametrize("heads", [{}, {"center": False}, {"gender": False}, {"center": False, "gender": False}])
@pytest.mark.parametrize("keys", [{"bidirectional": True}, {"bidirectional": False, "activation": "relu"}])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_official_state_there_and_back(heads, keys, dtype):
    model = small(pool="before", **heads, **keys).to(dtype)
    state = model.to_official()
    assert "static_local_att.0.weight" in state and "lstm.weight_ih_l0" in state and "conv6.bias" in state
    again = SDCAFF.from_official(state)
    back = again.to_official()
    assert list(back) == list(state) and all(torch.equal(back[k], state[k]) for k in state)
    maps = inputs(dtype=dtype)
    with torch.no_grad():
        ours, theirs = model.eval()(*maps), again.eval()(*maps)
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_official_state_with_faults_is_told_in_one_line():
    state = small().to_official()
    state["surplus"] = state.pop("conv2.weight")
    state["bn1.bias"] = torch.zeros(9)
    with pytest.raises(UserError) as told:
        SDCAFF.from_official(state)
    message = str(told.value)
    assert "missing: conv2.weight; unknown: surplus; of another shape: bn1.bias [9] instead of [8]" in message
    assert "\n" not in message
    with pytest.raises(UserError, match="missing: relu1.fc1.weight"):
        SDCAFF.from_official(small(activation="relu").to_official(), dyrelu=True)
    with pytest.raises(UserError, match="unknown: integral_fc_sex.weight"):
        SDCAFF.from_official(small().to_official(), gender=False)
    with pytest.raises(UserError, match="expected the authors' .*lstm.weight_ih_l0.*found nothing"):
        SDCAFF.from_official({})
    with pytest.raises(UserError, match="variant: expected full.*found cnn"):
        small("cnn").to_official()


def test_buffers_may_be_missing_and_arrays_be_given():
    state = small().to_official()
    left_out = ("lambdas", "init_v", "num_batches_tracked")
    some = {name: tensor.numpy() for name, tensor in state.items() if not name.endswith(left_out)}
    back = SDCAFF.from_official(some).to_official()
    assert all(torch.equal(back[name], state[name]) for name in state)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"variant": "both"}, "variant: expected one of full"),
        ({"pool": "during"}, "pool: expected one of before, after"),
        ({"activation": "tanh"}, "activation: expected one of dynamic, relu"),
        ({"hidden_size": 33}, "hidden_size"),
    ],
)
def test_wrong_keys_are_named(keys, message):
    with pytest.raises(ValueError, match=message):
        SDCAFF(4, **keys)


def test_wrong_inputs_are_named():
    with pytest.raises(ValueError, match=r"expected MFCC \[batch, time, coefficient\]"):
        StaticBranch()(torch.zeros(2, 1, 60, 251))
    for time, coefficients in ((9, 60), (251, 9)):
        with pytest.raises(ValueError, match=rf"at least 10 x 10, found \[2, {time}, {coefficients}\]"):
            StaticBranch()(torch.zeros(2, time, coefficients))
    with pytest.raises(ValueError, match=r"expected dynamic features \[batch, time, 24\], found \[2, 9, 23\]"):
        DynamicBranch(24, 64)(torch.zeros(2, 9, 23))


def test_the_classifier_gives_its_static_branch_mfcc_alone():
    torch.manual_seed(0)
    net, rows = SDCAFFClassifier(4, "M", hidden_size=64).eval(), torch.rand(2, 84, 180)
    other = torch.cat([rows[..., :60], torch.rand(2, 84, 120)], dim=2)
    found, same = (net({"mfcc": x}, {"mfcc": torch.tensor([84, 84])})["logits"] for x in (rows, other))
    assert torch.equal(found, same)
    other = torch.cat([torch.rand(2, 84, 60), rows[..., 60:]], dim=2)
    assert not torch.allclose(net({"mfcc": other}, {})["logits"], found)


def test_the_classifier_is_trained_on_classes_and_two_utterances_are_enough():
    net = SDCAFFClassifier(4, hidden_size=64)
    assert not net.trains_on_dimensions and net.min_batch_size == 2
    assert net({"mfcc": torch.rand(2, 84, 180)}, {})["logits"].shape == (2, 4)
    with pytest.raises(ValueError, match="at least 2 utterances in a batch, found 1"):
        net({"mfcc": torch.rand(1, 84, 180)}, {})
