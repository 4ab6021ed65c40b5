"""Features of frozen self-supervised models, and what is said of a model that cannot be had."""

from __future__ import annotations

import json
import pickle
import shutil
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest
import torch
import transformers
from tiny_ssl import KINDS, LAYERS, SIZE, write_tiny

from speechbrain_ext.features import ssl, ssl_models
from speechbrain_ext.features.cache import FeatureCache
from speechbrain_ext.features.extraction import AudioItem, extract
from speechbrain_ext.utils.errors import UserError


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    return {kind: write_tiny(root / kind, kind) for kind in KINDS}


def signal(samples=8000, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal(samples) + 0.02).astype(np.float32)


@pytest.mark.parametrize("kind", KINDS)
def test_means_equal_those_of_the_libraries_own_front_end(models, kind):
    samples = signal()
    front = transformers.AutoFeatureExtractor.from_pretrained(models[kind])
    model = transformers.AutoModel.from_pretrained(models[kind]).eval()
    values = front(samples, sampling_rate=16000, return_tensors="pt").input_values
    with torch.no_grad():
        output = model(values, output_hidden_states=True)
    wanted = [state[0].double().numpy().mean(0) for state in output.hidden_states]
    wanted[-1] = output.last_hidden_state[0].double().numpy().mean(0)
    found = ssl.SSLLayerMeans(str(models[kind]))(samples)
    assert found.shape == (LAYERS + 1, SIZE) and found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, atol=2e-6)


def test_the_waveform_is_normalised_only_where_the_model_asks(tmp_path, models):
    raw = write_tiny(tmp_path / "raw", "wav2vec2-layer", do_normalize=False)
    loud, quiet = signal(), 0.1 * signal()
    asked = ssl.SSLLayerMeans(str(models["wav2vec2-layer"]))
    np.testing.assert_allclose(asked(loud), asked(quiet), atol=1e-3)
    assert np.abs(ssl.SSLLayerMeans(str(raw))(loud) - asked(loud)).max() > 1e-3


def test_one_network_is_kept_until_another_is_asked_for_or_it_is_forgotten(models):
    one, two = (ssl.SSLLayerMeans(str(models[kind])).model for kind in list(KINDS)[:2])
    kept = ssl.KeptNetwork()
    first = kept(one)
    assert kept(one) is first and not any(parameter.requires_grad for parameter in first.parameters())
    assert kept(two) is not first and kept(one) is not first
    last = kept(one)
    kept.forget()
    assert kept.network is None and kept(one) is not last


def test_frozen_bit_equal_and_unchanged(models):
    extractor = ssl.SSLLayerMeans(str(models["wav2vec2-group"]))
    model = ssl.frozen(extractor.model)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    first = [extractor(signal(4000 + 800 * seed, seed)) for seed in range(3)]
    again = [extractor(signal(4000 + 800 * seed, seed)) for seed in (2, 1, 0)][::-1]
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(module.training for module in model.modules())
    assert not any(parameter.requires_grad for parameter in model.parameters())
    threads = torch.get_num_threads()
    extractor(signal())
    assert torch.get_num_threads() == threads


def test_the_identity_is_the_content_and_not_the_place(tmp_path, models):
    here = ssl.SSLLayerMeans(str(models["hubert"]))
    moved = shutil.copytree(models["hubert"], tmp_path / "moved")
    assert ssl.SSLLayerMeans(str(moved)).tag == here.tag
    assert str(models["hubert"]) not in json.dumps(here.identity())
    tags = {here.tag, ssl.SSLLayerMeans(str(write_tiny(tmp_path / "other", "hubert", seed=1))).tag}
    tags.add(ssl.SSLLayerMeans(str(write_tiny(tmp_path / "raw", "hubert", do_normalize=False))).tag)
    assert len(tags) == 3


def test_other_weights_in_the_same_place_are_seen(tmp_path):
    folder = write_tiny(tmp_path / "model", "wav2vec2-group", seed=0)
    old = ssl.SSLLayerMeans(str(folder))
    old_means = old(signal())
    write_tiny(folder, "wav2vec2-group", seed=1)
    new = ssl.SSLLayerMeans(str(folder))
    assert new.tag != old.tag and not np.array_equal(new(signal()), old_means)


def test_the_cache_keeps_rows_of_layers(tmp_path, models):
    extractor = ssl.SSLLayerMeans(str(models["wavlm"]))
    cache = FeatureCache(tmp_path, extractor)
    items = [AudioItem(f"{seed:064x}", str(seed), lambda seed=seed: signal(4000, seed)) for seed in range(2)]
    assert extract(cache, items, progress=False)["computed"] == 2
    assert np.array_equal(cache.get(items[1].key), extractor(signal(4000, 1)))
    assert pickle.loads(pickle.dumps(extractor)).tag == extractor.tag


def test_the_waveform_is_what_was_read():
    samples = signal(400)
    assert np.array_equal(ssl.Waveform()(samples)[:, 0], samples)


@pytest.mark.parametrize("make", [ssl.Waveform, None])
def test_too_short_for_one_frame(models, make):
    extractor = make() if make else ssl.SSLLayerMeans(str(models["wav2vec2-layer"]))
    assert len(extractor(signal(400))) >= 1
    with pytest.raises(UserError, match="at least 400 samples"):
        extractor(signal(399))


def refused(name) -> str:
    with pytest.raises(UserError) as caught:
        ssl.SSLLayerMeans(str(name))
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("file", ["config.json", "preprocessor_config.json", "model.safetensors"])
def test_a_missing_file_is_named(tmp_path, models, file):
    folder = shutil.copytree(models["wavlm"], tmp_path / "model")
    (folder / file).unlink()
    assert "--ssl_model" in refused(folder) and file.partition(".")[0] in refused(folder)


def test_wrong_folders_and_files_are_told(tmp_path, models):
    assert "no such folder" in refused(tmp_path / "mistyped") and "-- --ssl_model DIR" in refused(tmp_path / "mistyped")
    (tmp_path / "file").write_text("")
    assert "found a file" in refused(tmp_path / "file")
    folder = shutil.copytree(models["wavlm"], tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    for change, told in (({"model_type": "bert"}, "wav2vec2, hubert, wavlm"), ({"hidden_size": None}, "hidden_size")):
        (folder / "config.json").write_text(json.dumps({**config, **change}))
        assert told in refused(folder)
    (folder / "config.json").write_text("{")
    assert "not JSON" in refused(folder)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "preprocessor_config.json").write_text('{"sampling_rate": 8000}')
    assert "8000 Hz" in refused(folder)


def test_damaged_or_incomplete_weights_are_told(tmp_path, models):
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(models["wav2vec2-group"], tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    lacking = {name: value for name, value in weights.items() if "layers.1.attention" not in name}
    save_file(lacking, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match="8 missing, encoder.layers.1.attention"):
        ssl_models.find(str(folder)).load()
    (folder / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(UserError, match="cannot load the weights"):
        ssl_models.find(str(folder)).load()


class Hub(BaseHTTPRequestHandler):
    """A broken server."""

    def do_GET(self):
        self.send_response(503)
        self.end_headers()

    def log_message(self, *words):
        pass


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    running = HTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    return tmp_path / "hub"


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "broken"])
def test_a_hub_out_of_reach_is_one_line(monkeypatch, empty_cache, server, endpoint):
    from huggingface_hub import HfApi, constants

    endpoint = f"http://127.0.0.1:{server.server_port}" if endpoint == "broken" else endpoint
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    monkeypatch.setattr("huggingface_hub._snapshot_download.HfApi", lambda **_: HfApi(endpoint=endpoint))
    text = refused("owner/model")
    assert "out of reach" in text and "-- --ssl_model DIR" in text and "HF_HOME" in text and "HF_HUB_OFFLINE" in text


def forbid_the_network(monkeypatch):
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: pytest.fail("the hub was asked"))


def test_offline_asks_nobody(monkeypatch, empty_cache):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    forbid_the_network(monkeypatch)
    assert "HF_HUB_OFFLINE is set" in refused("owner/model")


def test_a_model_in_the_hubs_cache_is_used_without_the_hub(monkeypatch, empty_cache):
    commit = "0123456789abcdef0123456789abcdef01234567"
    root = empty_cache / "models--owner--model"
    write_tiny(root / "snapshots" / commit, "wav2vec2-group")
    (root / "refs").mkdir()
    (root / "refs/main").write_text(commit)
    forbid_the_network(monkeypatch)
    extractor = ssl.SSLLayerMeans("owner/model")
    assert extractor.identity()["params"] == {"ssl_model": f"owner/model@{commit}"}
    assert ssl.SSLLayerMeans(f"owner/model@{commit}").tag == extractor.tag
    assert extractor(signal()).shape == (LAYERS + 1, SIZE)
