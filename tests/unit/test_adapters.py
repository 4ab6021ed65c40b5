"""Adapters: the encoder is what it was until they learn, and then they alone have changed."""

from __future__ import annotations

import json

import pytest
import torch
import transformers
from speechbrain.nnet.adapters import HoulsbyAdapterLinear, LoRA
from tiny_ssl import KINDS, LAYERS, SIZE, small_config, waves, write_tiny
from torch import nn

from speechbrain_ext.lobes.adapters import ADAPTERS, AdapterSettings, adapter_settings, add_adapters
from speechbrain_ext.lobes.ca_mser import CAMSER
from speechbrain_ext.lobes.kernels.wav2vec2_convolutions import Wav2Vec2Convolutions
from speechbrain_ext.lobes.ssl_encoder import encoder_of
from speechbrain_ext.lobes.ssl_finetune import SSLFinetune
from speechbrain_ext.utils.errors import UserError

RANK = 3
SMALL = small_config(layerdrop=0.5)
# A layer has two layers of 16 x 16 with lora; behind two layers, or one, of width 16 with houlsby.
LEARNED = {"lora": LAYERS * 2 * 2 * SIZE * RANK, "houlsby": LAYERS * 2 * (2 * SIZE * RANK + SIZE + RANK)}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    return {kind: str(write_tiny(root / kind, kind)) for kind in KINDS}


def audio(seed: int = 0) -> torch.Tensor:
    return torch.randn(2, 48000, generator=torch.Generator().manual_seed(seed))


def finetune(model: str, adapter: str | None, **more) -> SSLFinetune:
    torch.manual_seed(0)
    return SSLFinetune(model, n_classes=7, adapter=adapter, adapter_rank=RANK, **more)


def camser(adapter: str | None, **more) -> CAMSER:
    torch.manual_seed(0)
    return CAMSER(SMALL, variant="w2e", adapter=adapter, adapter_rank=RANK, **more)


def trained_names(network: nn.Module) -> set[str]:
    return {name for name, parameter in network.named_parameters() if parameter.requires_grad}


def learn(network: nn.Module, run, steps: int = 3) -> dict[str, torch.Tensor]:
    """Take some steps with weight decay, each with a gradient for all that is trained; give the state before them."""
    before = {name: value.clone() for name, value in network.named_parameters()}
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2, weight_decay=0.1)
    network.train()
    for step in range(steps):
        optimizer.zero_grad(set_to_none=True)
        run(step).square().sum().backward()
        lacking = {name for name, p in network.named_parameters() if p.requires_grad and p.grad is None}
        assert not lacking, lacking
        optimizer.step()
    return before


def only_these_changed(network: nn.Module, before: dict[str, torch.Tensor]) -> None:
    changed = {name for name, value in network.named_parameters() if not torch.equal(value, before[name])}
    wanted = {name for name in before if "adapter_" in name or not name.startswith("encoder.")}
    assert changed == wanted == trained_names(network) and any("adapter_" in name for name in wanted)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("adapter", ADAPTERS)
def test_at_first_the_encoder_gives_what_it_gave(models, kind, adapter):
    plain, adapted = (finetune(models[kind], each).eval() for each in (None, adapter))
    assert isinstance(adapted.encoder, transformers.PreTrainedModel)
    assert adapted.encoder.config.hidden_size == SIZE and adapted.encoder.feature_extractor is not None
    with torch.no_grad():
        for name, wanted in plain(*waves(5000, 3000)).items():
            torch.testing.assert_close(adapted(*waves(5000, 3000))[name], wanted, rtol=0, atol=1e-6)
    wavlm = kind.startswith("wavlm") and adapter == "houlsby"
    learned = sum(p.numel() for name, p in adapted.named_parameters() if "adapter_" in name)
    assert learned == LEARNED[adapter] // (2 if wavlm else 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("adapter", ADAPTERS)
def test_only_adapters_and_head_learn(models, kind, adapter):
    # freeze_cnn decides nothing any more: the whole encoder is fixed.
    network = finetune(models[kind], adapter, freeze_cnn=False)
    before = learn(network, lambda step: network(*waves(3000, 2000, seed=step))["logits"])
    only_these_changed(network, before)
    frozen = finetune(models[kind], adapter, freeze_cnn=True)
    assert trained_names(frozen) == trained_names(network)


@pytest.mark.parametrize("kind", ["wav2vec2-layer", "wavlm"])
def test_lora_is_a_change_of_the_weights(models, kind):
    """The state with what was learned added to the weights gives the same in a model without adapters."""
    network = finetune(models[kind], "lora", adapter_alpha=5.0).double()
    learn(network, lambda step: network(*inputs(step))["logits"])
    state = {name: value for name, value in network.state_dict().items() if torch.is_tensor(value)}
    merged = {}
    for name, value in state.items():
        if "adapter_" in name:
            continue
        if name.endswith("pretrained_module.weight"):
            up, down = (state[name.replace("pretrained_module", f"adapter_{part}_proj")] for part in ("up", "down"))
            value = value + torch.from_numpy(up.numpy() @ down.numpy()) * 5.0 / RANK
        merged[name.replace("pretrained_module.", "")] = value
    plain = finetune(models[kind], None).double()
    plain.load_state_dict({**merged, "_extra_state": plain.get_extra_state()})
    with torch.no_grad():
        wanted, found = (each.eval()(*inputs(9))["logits"] for each in (plain, network))
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)


def inputs(seed: int):
    features, lengths = waves(3000, 2000, seed=seed)
    return {"waveform": features["waveform"].double()}, lengths


def test_without_an_adapter_nothing_changes(models):
    network = finetune(models["wav2vec2-group"], None)
    assert set(json.loads(network.get_extra_state())) == {"config", "normalise"}
    own = transformers.AutoModel.from_pretrained(models["wav2vec2-group"]).state_dict()
    assert {name for name in network.state_dict() if name.startswith("encoder.")} == {f"encoder.{n}" for n in own}
    assert all(torch.equal(network.state_dict()[f"encoder.{name}"], value) for name, value in own.items())
    plain = camser(None)
    assert "adapter" not in json.loads(plain.get_extra_state()) and plain.encoder.config.layerdrop == 0.5
    assert not any("adapter" in name or "pretrained" in name for name in plain.state_dict())


@pytest.mark.parametrize("kind", ["wav2vec2-group", "hubert-layer", "wavlm"])
@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_state_tells_its_adapters(models, kind, adapter, tmp_path):
    network = finetune(models[kind], adapter, adapter_alpha=5.0)
    learn(network, lambda step: network(*waves(2000))["logits"], steps=2)
    torch.save(network.state_dict(), tmp_path / "model.ckpt")
    state = torch.load(tmp_path / "model.ckpt", weights_only=True)
    loaded = SSLFinetune("gone/model", n_classes=7, pretrained=False)
    loaded.load_state_dict(state)
    assert loaded.state_dict().keys() == network.state_dict().keys()
    assert trained_names(loaded) == trained_names(network)
    with torch.no_grad():
        wanted, found = (each.eval()(*waves(4000, 900))["logits"] for each in (network, loaded))
    assert torch.equal(found, wanted)


def test_a_state_of_other_adapters_is_refused(models):
    state = finetune(models["wav2vec2-group"], "lora", adapter_alpha=5.0).state_dict()
    other = finetune(models["wav2vec2-group"], "lora", adapter_alpha=6.0)
    with pytest.raises(RuntimeError, match=r"expected a state with adapter lora, rank 3, alpha 6.0, found .*alpha 5.0"):
        other.load_state_dict(state)
    with pytest.raises(RuntimeError, match="expected a state with none, found one with adapter lora"):
        camser(None).load_state_dict(camser("lora").state_dict())


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_within_ca_mser_adapters_alone_learn_of_the_encoder(adapter):
    plain, network = camser(None).eval(), camser(adapter).eval()
    kind = {"lora": LoRA, "houlsby": HoulsbyAdapterLinear}[adapter]
    adapters = [part for part in network.encoder.modules() if isinstance(part, kind)]
    assert len(adapters) == 2 * LAYERS
    # What saves memory on a CPU stays.
    assert isinstance(network.encoder.feature_extractor, Wav2Vec2Convolutions)
    with torch.no_grad():
        torch.testing.assert_close(network(audio=audio())["w2e"], plain(audio=audio())["w2e"], rtol=0, atol=1e-6)
    # Masking and the convolutions' own gradients were on, and so was layer drop.
    assert plain.encoder.config.apply_spec_augment and plain.encoder.masked_spec_embed.requires_grad
    before = learn(network, lambda step: network(audio=audio(step))["emotion"])
    only_these_changed(network, before)
    assert not network.encoder.feature_extractor(audio()).requires_grad
    assert trained_names(camser(adapter, freeze_extractor=True)) == trained_names(network)


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_the_state_of_ca_mser_tells_its_adapters(adapter):
    keys = {"adapter": adapter, "adapter_rank": RANK, "adapter_alpha": 5.0}
    network = camser(adapter, adapter_alpha=5.0)
    learn(network, lambda step: network(audio=audio(step))["emotion"], steps=2)
    loaded, frozen = (CAMSER(None, variant="w2e", w2e_size=16, ssl=ssl) for ssl in ("finetune", "frozen"))
    for each in (loaded.double(), frozen):
        each.load_state_dict(network.state_dict())
        assert each.get_extra_state() == network.get_extra_state()
    assert next(loaded.encoder.parameters()).dtype == torch.float64
    assert {p.dtype for p in loaded.parameters()} == {torch.float64}
    assert trained_names(loaded) == trained_names(network)
    # What the state tells also serves as the configuration to build with.
    again = CAMSER(json.loads(network.get_extra_state()), variant="w2e", **keys)
    again.load_state_dict(network.state_dict())
    assert again.get_extra_state() == network.get_extra_state()
    assert not any(name.startswith("encoder.") for name in trained_names(frozen.train()))
    with torch.no_grad():
        wanted = network.eval()(audio=audio())["emotion"]
        assert torch.equal(frozen.eval()(audio=audio())["emotion"], wanted)
        torch.testing.assert_close(loaded.eval()(audio=audio().double())["emotion"].float(), wanted)


def test_adapters_start_from_the_authors_state():
    torch.manual_seed(0)
    state = CAMSER(SMALL).to_official()
    network = CAMSER.from_official(state, SMALL, adapter="lora", adapter_rank=RANK)
    plain = CAMSER.from_official(state, SMALL)
    with torch.no_grad():
        wanted, found = (each.eval()._frames(audio(), None) for each in (plain, network))
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-6)
    assert {name for name in trained_names(network) if name.startswith("encoder.") and "adapter_" not in name} == set()
    with pytest.raises(UserError, match="adapter: expected null.*found lora"):
        network.to_official()


@pytest.mark.parametrize("build", [lambda **keys: SSLFinetune("", 7, pretrained=False, **keys),
                                   lambda **keys: CAMSER(None, **keys)])  # fmt: skip
@pytest.mark.parametrize("keys, message", [
    ({"adapter": "prefix"}, "adapter: expected one of null, lora, houlsby, found 'prefix'"),
    ({"adapter": "lora", "adapter_rank": 0}, "adapter_rank: expected a whole number of at least 1, found 0"),
    ({"adapter": "houlsby", "adapter_rank": 1.5}, "adapter_rank: expected a whole number of at least 1, found 1.5"),
    ({"adapter": "lora", "adapter_rank": True}, "adapter_rank: expected a whole number of at least 1, found True"),
    ({"adapter": "lora", "adapter_alpha": 0}, "adapter_alpha: expected a number above 0, found 0"),
    ({"adapter": "lora", "adapter_alpha": "16"}, "adapter_alpha: expected a number above 0, found '16'"),
    ({"adapter": "lora", "adapter_alpha": True}, "adapter_alpha: expected a number above 0, found True"),
])  # fmt: skip
def test_wrong_settings_are_refused(build, keys, message):
    with pytest.raises(ValueError, match=message) as fault:
        build(**keys)
    assert "\n" not in str(fault.value)


def test_settings_that_nobody_gives_and_the_smallest_ones():
    assert adapter_settings("lora") == AdapterSettings("lora", 8, 16.0)
    assert adapter_settings("lora", 1, 0.25) == AdapterSettings("lora", 1, 0.25)


def test_a_frozen_encoder_takes_no_adapter():
    with pytest.raises(ValueError, match="adapter: expected null, as ssl is frozen, found 'lora'"):
        CAMSER(SMALL, ssl="frozen", adapter="lora")


def test_adapters_have_the_encoders_type():
    encoder = add_adapters(encoder_of(SMALL).double(), AdapterSettings("houlsby", 2))
    assert {p.dtype for p in encoder.parameters()} == {torch.float64}
    assert encoder(audio().double()).last_hidden_state.dtype == torch.float64


def test_an_outline_has_the_sizes_of_the_model_and_no_memory_but_for_its_mask(tmp_path):
    model = str(write_tiny(tmp_path / "tiny"))
    net = SSLFinetune.outline(ssl_model=model, n_classes=4, projection_size=8)
    plain = SSLFinetune(model, 4, 8)
    assert {name: p.shape for name, p in net.named_parameters()} == {n: p.shape for n, p in plain.named_parameters()}
    assert {name for name, p in net.named_parameters() if p.device.type != "meta"} <= {"encoder.masked_spec_embed"}
