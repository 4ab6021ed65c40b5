"""CA-MSER: co-attention against numpy, all rows of its tables, the authors' names, frozen and fine-tuned."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
import transformers
from tiny_ssl import SIZE, small_config, write_tiny

from speechbrain_ext.lobes import alexnet
from speechbrain_ext.lobes.adapters import AdapterSettings
from speechbrain_ext.lobes.alexnet import MEAN, STD, AlexNetFeatures
from speechbrain_ext.lobes.ca_mser import CAMSER, COATT_FROM, VARIANTS
from speechbrain_ext.lobes.ca_mser_classifier import CAMSERClassifier
from speechbrain_ext.lobes.co_attention import CoAttention
from speechbrain_ext.lobes.ssl_encoder import encoder_of
from speechbrain_ext.utils.errors import UserError

CONFIG = small_config(layerdrop=0.0)


def segments(batch=2, channels=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shapes = ((batch, 1, 256, 384), (batch, 300, 40), (batch, 48000))
    image, mfcc, audio = (torch.randn(shape, generator=generator) for shape in shapes)
    return image.repeat(1, channels, 1, 1), mfcc, audio


@pytest.fixture(scope="module")
def full():
    torch.manual_seed(0)
    return CAMSER(CONFIG)


@pytest.mark.parametrize("activation", ["relu", "softmax", None])
def test_co_attention_is_a_weighted_sum_of_frames(activation):
    torch.manual_seed(1)
    lobe = CoAttention(7, 5, activation).double().eval()
    sequence, first, second = (torch.randn(shape, dtype=torch.float64) for shape in ((3, 5, 4), (3, 2), (3, 5)))
    pooled, weights = lobe(sequence, first, second)
    w, b = (value.detach().numpy() for value in (lobe.linear.weight, lobe.linear.bias))
    for n in range(3):
        row = w @ np.concatenate([first[n].numpy(), second[n].numpy()]) + b
        if activation == "relu":
            row = np.maximum(row, 0)
        elif activation == "softmax":
            row = np.exp(row) / np.exp(row).sum()
        wanted = sum(row[t] * sequence[n, t].numpy() for t in range(5))
        np.testing.assert_allclose(weights[n].detach(), row, atol=1e-13)
        np.testing.assert_allclose(pooled[n].detach(), wanted, atol=1e-12)


def test_co_attention_says_what_it_expected():
    lobe = CoAttention(3, 5)
    assert lobe.dropout.p == 0.1 and lobe.activation == "relu", "what is left out is the authors' setting"
    with pytest.raises(ValueError, match=r"expected a sequence of 5 frames.*found \[2, 6, 4\]"):
        lobe(torch.zeros(2, 6, 4), torch.zeros(2, 3))
    with pytest.raises(ValueError, match=r"expected a query \[2, 3\], found \[2, 4\]"):
        lobe(torch.zeros(2, 5, 4), torch.zeros(2, 4))
    with pytest.raises(ValueError, match="activation: expected relu, softmax or null, found 'tanh'"):
        CoAttention(3, 5, "tanh")


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_row_of_table_2(variant):
    streams, coattention = VARIANTS[variant]
    net = CAMSER(CONFIG, variant=variant).eval()
    image, mfcc, audio = segments(1)
    used = {*streams, *(("spectrogram", "mfcc") if coattention else ())}
    output = net(
        image if "spectrogram" in used else None, mfcc if "mfcc" in used else None, audio if "w2e" in used else None
    )
    assert output["emotion"].shape == (1, 4) and output["embedding"].shape == (1, 128)
    assert output["fused"].shape == (1, 128 * len(streams)) and net.fusion.in_features == 128 * len(streams)
    assert ("attention" in output) == coattention and ("w2e" in output) == ("w2e" in streams)
    assert (net.encoder is not None) == ("w2e" in streams)
    output["emotion"].sum().backward()
    lacking = {name for name, p in net.named_parameters() if p.grad is None}
    assert lacking <= {"encoder.masked_spec_embed"}  # nothing masks in evaluation


def test_what_is_left_out_is_the_authors_setting():
    net = CAMSER(CONFIG)
    assert (net.dropout.p, net.co_attention.dropout.p) == (0.1, 0.1)
    assert (net.lstm.dropout, net.lstm.num_layers, net.lstm.bidirectional) == (0.5, 2, True)
    assert CAMSER(CONFIG, adapter="lora").adapter == AdapterSettings("lora", 8, 16.0)
    assert CAMSER.from_official(net.to_official(), CONFIG, adapter="lora").adapter == AdapterSettings("lora", 8, 16.0)


def test_there_are_ten_rows():
    assert len(VARIANTS) == 10 and sum(coattention for _, coattention in VARIANTS.values()) == 4


def test_without_co_attention_frames_are_averaged():
    net = CAMSER(CONFIG, variant="w2e").eval()
    audio = segments()[2]
    with torch.no_grad():
        wanted = net.encoder(audio).last_hidden_state.mean(1)
        torch.testing.assert_close(net(audio=audio)["w2e"], wanted)


@pytest.mark.parametrize("coatt_from", COATT_FROM)
def test_weights_come_from_the_named_streams(coatt_from):
    net = CAMSER(None, variant="w2e_coatt", coatt_from=coatt_from, w2e_size=6).eval()
    image, mfcc, _ = segments(1)
    given = {"image": image, "mfcc": mfcc}
    frames = torch.rand(1, 149, 6)
    assert hasattr(net, "alexnet") == (coatt_from != "mfcc") and hasattr(net, "lstm") == (coatt_from != "spectrogram")
    assert net(given["image"], given["mfcc"], frames=frames)["attention"].shape == (1, 149)


def test_segments_do_not_see_each_other(full):
    full.eval()
    inputs = segments(3)
    with torch.no_grad():
        together = full(*inputs)
        for n in range(3):
            for name, value in full(*(each[n : n + 1] for each in inputs)).items():
                torch.testing.assert_close(together[name][n], value[0], rtol=1e-4, atol=1e-5)


def test_state_by_the_authors_names_and_back(full):
    state = full.to_official()
    assert not any(name.startswith("alexnet_model.classifier.") for name in state)
    extra = {"alexnet_model.classifier.6.bias": torch.zeros(4)}
    for config in (CONFIG, transformers.Wav2Vec2Config(**CONFIG)):
        again = CAMSER.from_official({**state, **extra}, config)
        back = again.to_official()
        assert back.keys() == state.keys() and all(torch.equal(back[name], state[name]) for name in state)
    with torch.no_grad():
        image, mfcc, audio = segments()
        wanted, found = full.eval()(image, mfcc, audio), again.eval()(image, mfcc, audio)
        assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    old = {
        name.replace("parametrizations.weight.original0", "weight_g").replace(
            "parametrizations.weight.original1", "weight_v"
        ): value
        for name, value in state.items()
    }
    assert CAMSER.from_official(old, CONFIG).to_official().keys() == state.keys()


def test_a_state_that_does_not_fit_is_refused_by_name(full):
    state = full.to_official()
    wrong = {name: value for name, value in state.items() if name != "post_wav_layer.bias"}
    wrong |= {"other.weight": torch.zeros(1), "post_att_layer_1.bias": torch.zeros(3)}
    with pytest.raises(UserError) as fault:
        CAMSER.from_official(wrong, CONFIG)
    assert "\n" not in str(fault.value)
    for part in (
        "missing: post_wav_layer.bias",
        "unknown: other.weight",
        "post_att_layer_1.bias [3] instead of [128]",
    ):
        assert part in str(fault.value)
    with pytest.raises(UserError, match="expected the authors' post_att_layer_3.weight"):
        CAMSER.from_official({}, CONFIG)


def test_frozen_never_trains_and_cached_frames_are_the_same():
    torch.manual_seed(0)
    net = CAMSER({**CONFIG, "hidden_dropout": 0.9}, ssl="frozen").train()
    assert not net.encoder.training and net.lstm.training
    assert not any(p.requires_grad for p in net.encoder.parameters())
    net(*segments())["emotion"].sum().backward()
    image, mfcc, audio = segments()
    net.eval()
    with torch.no_grad():
        frames = net.encoder(audio).last_hidden_state
        wanted = net(image, mfcc, audio)["emotion"]
        net.encoder.forward = None  # would fail if it ran
        assert torch.equal(net(image, mfcc, frames=frames)["emotion"], wanted)


def test_a_frozen_extractor_has_no_gradient_and_the_rest_has():
    net = CAMSER(CONFIG, freeze_extractor=True).train()
    net(*segments())["emotion"].square().sum().backward()
    lacking = {name for name, p in net.named_parameters() if p.grad is None}
    assert lacking and all(name.startswith("encoder.feature_extractor.") for name in lacking)


def test_masking_and_layer_drop_are_those_of_the_configuration(tmp_path):
    folder = write_tiny(tmp_path / "model")
    encoder = encoder_of(str(folder))
    assert encoder.config.layerdrop == 0.5 and encoder.config.apply_spec_augment
    net = CAMSER(str(folder)).train()
    assert net.w2e_size == SIZE
    net(*segments())["emotion"].sum().backward()
    assert net.encoder.masked_spec_embed.grad is not None
    still = CAMSER({**CONFIG, "apply_spec_augment": False})
    assert not still.encoder.masked_spec_embed.requires_grad


def test_the_encoder_comes_with_a_state(full):
    empty = CAMSER(None, w2e_size=16)
    with pytest.raises(ValueError, match="expected the encoder's frames"):
        empty(*segments())
    empty.load_state_dict(copy.deepcopy(full.state_dict()))
    with torch.no_grad():
        assert torch.equal(empty.eval()(*segments())["emotion"], full.eval()(*segments())["emotion"])


@pytest.mark.parametrize("change, message", [
    ({"variant": "both"}, "variant: expected one of mfcc, .*found 'both'"),
    ({"ssl": "off"}, "ssl: expected one of finetune, frozen, found 'off'"),
    ({"coatt_from": "w2e"}, "coatt_from: expected one of both"),
    ({"mfcc_norm": "l1"}, "mfcc_norm: expected one of l2, null"),
])  # fmt: skip
def test_unknown_values_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        CAMSER(None, **change)


def test_wrong_shapes_are_refused(full):
    image, mfcc, audio = segments(1)
    with pytest.raises(ValueError, match=r"mfcc: expected \[batch, 300, 40\], found \[1, 299, 40\]"):
        full(image, mfcc[:, 1:], audio)
    with pytest.raises(ValueError, match="expected a sequence of 149 frames"):
        full(image, mfcc, audio[:, :-640])
    with pytest.raises(ValueError, match=r"frames: expected \[batch, frame, 16\]"):
        full(image, mfcc, frames=torch.zeros(1, 149, 8))
    with pytest.raises(ValueError, match="spectrogram: expected a tensor"):
        full(None, mfcc, audio)
    with pytest.raises(ValueError, match=r"spectrogram: expected \[batch, 3 or 1"):
        full(image[:, :2], mfcc, audio)


@pytest.mark.parametrize("normalise", [False, True])
def test_one_channel_equals_three_equal_ones_with_their_normalisation(normalise):
    torch.manual_seed(0)
    net = AlexNetFeatures(normalise_gray=normalise).double()
    gray = torch.rand(2, 1, 101, 131, dtype=torch.float64)
    three = gray.repeat(1, 3, 1, 1)
    if normalise:
        three = (three - three.new_tensor(MEAN).view(3, 1, 1)) / three.new_tensor(STD).view(3, 1, 1)
    results = []
    for image in (gray, three):
        net.zero_grad()
        output = net(image)
        output.square().sum().backward()
        results.append([output.detach(), *(p.grad.clone() for p in net.parameters())])
    for found, wanted in zip(*results, strict=True):
        assert (found - wanted).abs().max() <= 1e-10 * wanted.abs().max()


def test_alexnet_takes_a_file_in_torchvisions_names(tmp_path):
    net = AlexNetFeatures()
    state = {f"features.{name}": value + 1 for name, value in net.features.state_dict().items()}
    path = tmp_path / "alexnet.pth"
    torch.save({**state, "classifier.1.bias": torch.zeros(4096)}, path)
    loaded = AlexNetFeatures(str(path)).features.state_dict()
    assert all(torch.equal(loaded[name], value + 1) for name, value in net.features.state_dict().items())
    del state["features.3.bias"]
    torch.save(state, path)
    with pytest.raises(UserError, match="expected features.3.bias of shape .192., found none"):
        AlexNetFeatures(str(path))


@pytest.mark.parametrize("content", [None, b"not weights"])
def test_alexnet_weights_out_of_reach_are_told_in_one_line(content, tmp_path, monkeypatch):
    path = tmp_path / "alexnet.pth"
    if content:
        path.write_bytes(content)
    with pytest.raises(UserError, match="alexnet_weights") as fault:
        AlexNetFeatures(str(path))
    assert "\n" not in str(fault.value) and "-- --alexnet_weights" in str(fault.value)
    find_spec = alexnet.importlib.util.find_spec
    # Of torchvision alone: whatever else asks, and keeps the answer, is not deceived.
    monkeypatch.setattr(
        alexnet.importlib.util, "find_spec", lambda name: None if name == "torchvision" else find_spec(name)
    )
    with pytest.raises(UserError, match="pip install 'torchvision"):
        alexnet.torchvision_weights("imagenet")


@pytest.mark.parametrize("value", [torch.full((192,), float("nan")), torch.zeros(192, dtype=torch.int64)])
def test_alexnet_weights_that_are_no_finite_numbers_are_refused(value, tmp_path):
    state = {f"features.{name}": value for name, value in AlexNetFeatures().features.state_dict().items()}
    torch.save({**state, "features.3.bias": value}, tmp_path / "alexnet.pth")
    with pytest.raises(UserError, match="features.3.bias: expected finite floating numbers"):
        AlexNetFeatures(str(tmp_path / "alexnet.pth"))


def test_the_extra_of_setup_py_is_what_the_message_asks_for(repository):
    extras = (repository / "setup.py").read_text(encoding="utf-8")
    assert f'"imagenet": ["{alexnet.TORCHVISION[1:-1]}"]' in extras


def test_the_range_of_each_bin_is_that_of_the_training_part():
    random = np.random.default_rng(0)
    spectrograms = [random.uniform(-70, -10, size=(300, 200)).astype("f4") for _ in range(3)]
    net = CAMSERClassifier("", 4, "spectrogram")
    asked = []
    net.fit_statistics(lambda name: asked.append(name) or iter(spectrograms))
    both = np.concatenate(spectrograms)
    assert asked == ["spectrogram"]
    np.testing.assert_array_equal(net.low.numpy(), both.min(axis=0))
    np.testing.assert_array_equal(net.high.numpy(), both.max(axis=0))
    loaded = CAMSERClassifier.without_weights(ssl_model="", n_classes=4, variant="spectrogram")
    loaded.load_state_dict(net.state_dict())
    assert torch.equal(loaded.low, net.low) and torch.equal(loaded.high, net.high), "it comes with a checkpoint"
    image = {"spectrogram": torch.from_numpy(np.stack(spectrograms))}
    assert torch.equal(loaded.eval()(image, {})["logits"], net.eval()(image, {})["logits"])


def test_a_variant_without_wav2vec_looks_for_no_model_and_normalises_its_image():
    net = CAMSERClassifier("no such model", 4, "spectrogram", cached=True)
    assert net.ca_mser.alexnet.normalise_gray and net.ca_mser.encoder is None
    assert not CAMSERClassifier("", 4, "spectrogram", normalise_gray=False).ca_mser.alexnet.normalise_gray
