"""Vectors that a network names: kept when it is tested, averaged over segments, written and read."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from run_requests import request_of
from speechbrain.dataio.dataset import DynamicItemDataset
from speechbrain.utils.data_pipeline import provides, takes
from test_brain import Net, brain, dataset

from speechbrain_ext.analysis.run_figures import network_figures
from speechbrain_ext.bin.prepare import main as prepare
from speechbrain_ext.evaluation.evaluate import evaluate
from speechbrain_ext.evaluation.predictions import read_predictions
from speechbrain_ext.evaluation.vectors import NAME, make_vectors, read_vectors, write_vectors
from speechbrain_ext.lobes.masked_resnet import MaskedResNet
from speechbrain_ext.lobes.normalization import FeatureNormalizer
from speechbrain_ext.report.page import write_report
from speechbrain_ext.training import launch
from speechbrain_ext.training.extract import extract
from speechbrain_ext.training.objectives import Output, merge_segments, with_vectors
from speechbrain_ext.training.phase_model import PhaseModel
from speechbrain_ext.training.train import train
from speechbrain_ext.utils.errors import UserError


class Named(Net):
    """A network that returns vectors of two names, one of which only some variants have."""

    vectors = ("fused", "w2e")

    def forward(self, features, lengths):
        found = super().forward(features, lengths)
        return {**found, "fused": 2 * found["embedding"], "other": found["embedding"]}


def named_brain(folder, **more):
    one = brain(folder, **more)
    one.modules["model"] = PhaseModel(Named(), {"lld": FeatureNormalizer(4)})
    return one


def test_a_network_that_names_vectors_gets_them_kept_when_tested(tmp_path):
    for output in named_brain(tmp_path).run(dataset(10, 0)):
        assert list(output.vectors) == ["fused"], "what is not returned is left out, what is not named too"
        assert output.vectors["fused"] == pytest.approx([2 * value for value in output.embedding], abs=1e-6)
    assert all(output.vectors == {} for output in brain(tmp_path).run(dataset(10, 0)))


def test_development_keeps_none(tmp_path):
    one = named_brain(tmp_path, select=True)
    loaders = {"train_loader_kwargs": {"batch_size": 8}, "valid_loader_kwargs": {"batch_size": 8}}
    one.fit(one.epoch_counter, dataset(30, 0), dataset(12, 5), **loaders)
    assert len(one.outputs) == 12 and not any(output.vectors for output in one.outputs)


def in_segments():
    generator = torch.Generator().manual_seed(0)
    frames = {name: torch.randn(3, 4, generator=generator) for name in ("a#0", "a#1", "b#0", "a#2")}

    @takes("id")
    @provides("features")
    def features(identity):
        return {"lld": frames[identity]}

    data = {name: {"target": 1, "shares": torch.eye(3)[1]} for name in frames}
    keys = ["id", "target", "shares", "features"]
    return frames, DynamicItemDataset(data, dynamic_items=[features], output_keys=keys)


def test_the_vectors_of_an_utterance_are_the_mean_of_its_segments(tmp_path):
    frames, segments = in_segments()
    first, second = named_brain(tmp_path, segments=True).run(segments)
    assert (first.id, second.id) == ("a", "b")
    expected = 2 * torch.stack([frames[f"a#{place}"].mean(0) for place in range(3)]).mean(0)
    assert first.vectors["fused"] == pytest.approx(expected.tolist(), abs=1e-6)
    assert second.vectors["fused"] == pytest.approx((2 * frames["b#0"].mean(0)).tolist(), abs=1e-6)


def test_values_carry_them_too():
    outputs = [Output(f"a#{place}", (1.0,), (0.5,), (1.0,)) for place in range(2)]
    kept = with_vectors(outputs, {"fused": torch.tensor([[1.0, 2.0], [3.0, 6.0]])}, ("fused",))
    assert merge_segments(kept)[0].vectors == {"fused": (2.0, 4.0)}
    assert merge_segments(outputs)[0].vectors == {} and hash(Output("a", 0, (), (), {"x": ()}))


def test_vectors_read_back(tmp_path):
    rows = [
        ("b", "2", "fear", {"embedding": (1.5, 2.0), "w2e": (3.0,)}),
        ("a", "2", "anger", {"embedding": (0.0, 1.0), "w2e": (4.0,)}),
    ]
    for number in (1, 2):
        write_vectors(tmp_path / f"{number}.npz", make_vectors(rows))
    assert (tmp_path / "1.npz").read_bytes() == (tmp_path / "2.npz").read_bytes()
    found = read_vectors(tmp_path / "1.npz")
    assert (found.ids.tolist(), found.folds.tolist(), found.labels.tolist()) == (
        ["a", "b"],
        ["2", "2"],
        ["anger", "fear"],
    )
    assert {name: each.tolist() for name, each in found.kinds.items()} == {
        "embedding": [[0.0, 1.0], [1.5, 2.0]],
        "w2e": [[4.0], [3.0]],
    }
    assert found.kinds["w2e"].dtype == np.float32 and len(found.of_fold("1").ids) == 0
    assert make_vectors([("a", "1", "fear", {"embedding": ()})]).kinds == {}


def spoil(path, how):
    if how == "cut":
        path.write_bytes(path.read_bytes()[:-30])
    elif how == "text":
        path.write_text("id,fold\n")
    elif how == "array":
        with open(path, "wb") as stream:
            np.save(stream, np.ones(3))
    elif how == "keys":
        np.savez(path, fused=np.ones((3, 3)))
    else:
        np.savez(path, id=np.array(["a"]), fold=np.array(["a"]), label=np.array(["a"]), fused=np.ones((3, 3)))


@pytest.mark.parametrize("how", ["cut", "text", "array", "keys", "rows"])
def test_spoilt_vectors_are_told(tmp_path, how):
    path = tmp_path / NAME
    write_vectors(path, make_vectors([("b", "2", "fear", {"embedding": (1.5, 2.0)})]))
    spoil(path, how)
    with pytest.raises(UserError, match="embeddings.npz: expected the vectors of a run.*--force") as fault:
        read_vectors(path)
    assert "\n" not in str(fault.value)


def in_this_process(function, tasks, *arguments, **options):
    """As `launch.map_folds`."""
    return {task: function(*task) for task in tasks}


@pytest.mark.slow
def test_stage_3_keeps_the_vectors_of_a_trained_network(tmp_path, mini_emodb, repository, monkeypatch):
    monkeypatch.setattr(MaskedResNet, "vectors", ("logits",), raising=False)
    # Worker processes would not know the name.
    monkeypatch.setattr(launch, "map_folds", in_this_process)
    data, exp = tmp_path / "data", tmp_path / "exp"
    prepare(f"--corpus EmoDB --source mini --data {data} --protocol speaker --corpus-root {mini_emodb}".split())
    words = f"--recipe {repository}/recipes/EmoDB --system am_resnet --data {data}/EmoDB-mini --exp {exp} --folds 03"
    words += f" --cache {tmp_path}/cache --tag tiny --device cpu -- --channels 4 --strides [4,4] --segment_s 1.0"
    args = request_of(f"{words} --epochs 1 --scheduler null --batch_size 64".split())
    for stage in (extract, train, evaluate):
        stage(args)
    folder = exp / "EmoDB-mini/am_resnet/tiny/speaker/seed-1"
    vectors = read_vectors(folder / NAME)
    predicted, target = read_predictions(folder / "predictions.csv")
    assert vectors.ids.tolist() == [row.id for row in predicted] and len(predicted) > 20
    assert vectors.labels.tolist() == [row.label for row in predicted] and set(vectors.folds) == {"03"}
    assert list(vectors.kinds) == ["embedding", "logits"] and vectors.kinds["logits"].shape[1] == len(target.names)
    before = (folder / NAME).read_bytes()
    write_report(exp / "EmoDB-mini", tmp_path / "report.html", network_figures)
    assert (folder / "tsne.png").read_bytes().startswith(b"\x89PNG") and (folder / "tsne.pdf").exists()
    evaluate(args)
    assert (folder / NAME).read_bytes() == before
