"""The probe against its frame-level form, and the fine-tuned model alone and among batch mates."""

from __future__ import annotations

import functools

import pytest
import torch
from tiny_ssl import KINDS, LAYERS, SIZE, waves, write_tiny

from speechbrain_ext.features import ssl_models
from speechbrain_ext.features.ssl import SSLLayerMeans, prepare
from speechbrain_ext.lobes.ssl_finetune import SSLFinetune, frames_of
from speechbrain_ext.lobes.ssl_probe import SSLModelProbe, SSLProbe


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    return {kind: str(write_tiny(root / kind, kind)) for kind in KINDS}


batch = functools.partial(waves, mean=0.02)


def one_of(features, lengths, row):
    count = int(lengths["waveform"][row])
    return {"waveform": features["waveform"][row : row + 1, :count]}, {"waveform": lengths["waveform"][row : row + 1]}


def test_probe_on_means_equals_weighting_projecting_and_pooling_frames():
    torch.manual_seed(0)
    probe = SSLProbe(n_layers=4, size=6, n_classes=3, projection_size=5).double()
    torch.nn.init.normal_(probe.layer_weights)
    frames = torch.randn(4, 50, 6, dtype=torch.float64)
    shares = torch.exp(probe.layer_weights) / torch.exp(probe.layer_weights).sum()
    mixed = sum(share * layer for share, layer in zip(shares, frames, strict=True))
    projected = torch.stack([probe.projection.weight @ frame + probe.projection.bias for frame in mixed])
    wanted = probe.classifier.weight @ (projected.sum(0) / 50) + probe.classifier.bias
    found = probe({"layer_means": frames.mean(1)[None]}, {})["logits"][0]
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)


def test_probe_takes_its_sizes_from_the_model_and_refuses_another(models):
    probe = SSLModelProbe(models["wavlm"], n_classes=7)
    assert (len(probe.layer_weights), probe.projection.in_features) == (LAYERS + 1, SIZE)
    assert probe.projection.out_features == 256
    with pytest.raises(ValueError, match="expected 3 layers, found 4"):
        probe({"layer_means": torch.zeros(1, 4, SIZE)}, {})
    probe({"layer_means": torch.rand(2, 3, SIZE)}, {})["logits"].sum().backward()
    assert all(parameter.grad is not None for parameter in probe.parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_an_utterance_is_the_same_alone_and_among_batch_mates(models, kind):
    network = SSLFinetune(models[kind], n_classes=7).double().eval()
    features, lengths = batch(8000, 3300, 400)
    features["waveform"][1, 3300:] = 9.0  # what lies in the padding must not matter
    features["waveform"] = features["waveform"].double()
    with torch.no_grad():
        together = network(features, lengths)
        for row in range(3):
            alone = network(*one_of(features, lengths, row))
            for key, value in alone.items():
                torch.testing.assert_close(together[key][row], value[0], rtol=0, atol=1e-9)


@pytest.mark.parametrize("kind", ["wav2vec2-group", "wavlm-layer"])
def test_untrained_it_is_the_probe_on_the_frozen_features(models, kind):
    network = SSLFinetune(models[kind], n_classes=7).eval()
    features, lengths = batch(5000)
    means = SSLLayerMeans(models[kind])(features["waveform"][0, :, 0].numpy())
    wanted = network.head({"layer_means": torch.from_numpy(means)[None]}, {})["logits"]
    with torch.no_grad():
        torch.testing.assert_close(network(features, lengths)["logits"], wanted, rtol=0, atol=5e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("freeze_cnn", [True, False])
def test_every_trained_parameter_has_a_gradient_in_every_step(models, kind, freeze_cnn):
    network = SSLFinetune(models[kind], n_classes=7, freeze_cnn=freeze_cnn).train()
    assert network.encoder.config.layerdrop == 0.0 and not network.encoder.config.apply_spec_augment
    # Several steps: with layer drop some would lack a layer.
    for step in range(3):
        network.zero_grad(set_to_none=True)
        network(*batch(3000, 2000, seed=step))["logits"].square().sum().backward()
        lacking = [n for n, p in network.named_parameters() if p.requires_grad and p.grad is None]
        assert not lacking, lacking
    fixed = {name for name, parameter in network.named_parameters() if not parameter.requires_grad}
    cnn = {name for name, _ in network.named_parameters() if name.startswith("encoder.feature_extractor.")}
    assert fixed == {"encoder.masked_spec_embed"} | (cnn if freeze_cnn else set())


def test_training_changes_the_transformer_and_not_the_convolutions(models):
    network = SSLFinetune(models["wav2vec2-group"], n_classes=7).train()
    before = {name: value.clone() for name, value in network.named_parameters()}
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    network(*batch(3000, 2000))["logits"].square().sum().backward()
    optimizer.step()
    changed = {name for name, value in network.named_parameters() if not torch.equal(value, before[name])}
    assert any(name.startswith("encoder.encoder.layers.0") for name in changed) and "head.layer_weights" in changed
    assert not any(name.startswith("encoder.feature_extractor") for name in changed)


@pytest.mark.parametrize("kind", ["wav2vec2-group", "hubert-layer", "wavlm"])
def test_a_checkpoint_needs_neither_hub_nor_folder(models, kind, tmp_path, monkeypatch):
    network = SSLFinetune(models[kind], n_classes=7).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.01)
    torch.save({"outer": network.state_dict()}, tmp_path / "model.ckpt")
    monkeypatch.setattr(ssl_models, "find", lambda name: pytest.fail("the model was looked for"))
    loaded = SSLFinetune("gone/model", n_classes=7, pretrained=False)
    assert not list(loaded.parameters())
    loaded.load_state_dict(torch.load(tmp_path / "model.ckpt", weights_only=True)["outer"])
    loaded.eval()
    with torch.no_grad():
        assert torch.equal(loaded(*batch(4000, 900))["logits"], network(*batch(4000, 900))["logits"])


def test_a_state_that_does_not_fit_is_refused(models):
    state = SSLFinetune(models["hubert"], n_classes=7).state_dict()
    state.pop("encoder.encoder.layers.1.layer_norm.weight")
    with pytest.raises(RuntimeError, match="layers.1.layer_norm.weight"):
        SSLFinetune("", n_classes=7, pretrained=False).load_state_dict(state)


def test_frames_are_those_that_the_models_make(models):
    model = ssl_models.find(models["wav2vec2-layer"]).load().eval()
    for samples in (400, 719, 720, 5003):
        with torch.no_grad():
            made = model(torch.zeros(1, samples)).last_hidden_state.shape[1]
        assert int(frames_of(torch.tensor(samples), model.config)) == made


def test_prepared_waveforms_have_mean_0_and_variance_1():
    wave = prepare(0.3 * torch.randn(4000, dtype=torch.float64) + 5, True).numpy()
    assert abs(wave.mean()) < 1e-12 and wave.var() == pytest.approx(1, abs=1e-5)


def test_the_projection_has_256_units_unless_told_otherwise():
    assert SSLProbe(3, 6, 4).projection.out_features == 256
