"""Segments of utterances: their names, their posteriors, their datasets, and the paper's schedule scaled."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from speechbrain_ext import hparams
from speechbrain_ext.features.segments import count_segments, group, mean_posteriors, segment_name, utterance_of
from speechbrain_ext.training.objectives import Output, merge_segments
from speechbrain_ext.training.schedule import PiecewiseRate, scaled_epochs


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 16, 17])
def test_segments_cover_an_utterance(length):
    counted = len([place for place in range(100) if place == 0 or place * 8 < length])
    assert count_segments(length, 8) == counted


def test_names_go_both_ways_whatever_is_in_them():
    for identity in ("03a01Fa", "a#b", "Ses01F_impro01_F000"):
        assert utterance_of(segment_name(identity, 11)) == identity
    names = [segment_name("a", place) for place in (10, 2, 0)] + [segment_name("b", 0)]
    assert group(names) == {"a": ["a#0", "a#2", "a#10"], "b": ["b#0"]}


def test_posteriors_are_the_mean_of_the_segments():
    random = np.random.default_rng(0)
    posteriors = random.dirichlet(np.ones(4), size=3)  # [segment, class]
    assert np.exp(mean_posteriors(np.log(posteriors))) == pytest.approx(posteriors.mean(0), rel=1e-12)
    # posteriors far below what a float can tell from 0 stay ordered
    low = mean_posteriors([[-2000.0, -1000.0], [-2000.0, -1000.0]])
    assert low == pytest.approx((-2000.0, -1000.0))


def test_outputs_are_merged_by_utterance():
    segments = [
        Output("b#0", 1, (math.log(0.2), math.log(0.8)), (1.0, 3.0)),
        Output("a#1", 0, (math.log(0.6), math.log(0.4)), (4.0, 0.0)),
        Output("a#0", 0, (math.log(0.2), math.log(0.8)), (0.0, 2.0)),
    ]
    first, second = merge_segments(segments)
    assert (first.id, second.id) == ("a", "b") and second == Output(
        "b", 1, segments[0].predicted, segments[0].embedding
    )
    assert np.exp(first.predicted) == pytest.approx([0.4, 0.6])
    assert first.embedding == (2.0, 1.0)
    values = [Output(f"u#{n}", (3.0,), (float(n),), (1.0,)) for n in range(3)]
    assert merge_segments(values) == [Output("u", (3.0,), (1.0,), (1.0,))]


def test_the_papers_schedule_by_epoch():
    schedule = PiecewiseRate([0.01, 0.001, 0.0001], [40, 120, 400])
    told = [0.01] * 40 + [0.001] * 80 + [0.0001] * 280
    assert [schedule.rate(epoch) for epoch in range(1, 401)] == told
    assert [schedule(epoch)[1] for epoch in range(1, 400)] == told[1:]
    for scale in (0.1, 0.05, 0.5):
        schedule.epochs = scaled_epochs(400, scale)
        rates = [schedule.rate(epoch) for epoch in range(1, schedule.epochs + 1)]
        assert rates.count(0.01) == 40 * scale and rates.count(0.001) == 80 * scale
    for wrong in (([0.1], []), ([0.1, 0.2], [5, 4]), ([0.1], [0])):
        with pytest.raises(ValueError, match="expected a rate"):
            PiecewiseRate(*wrong)


def test_both_systems_train_the_same_first_stage(repository):
    """Rows with and without wav2vec 2.0 share one AM-ResNet: its step depends on the same keys in both files."""
    recipe = repository / "recipes/IEMOCAP"
    one, other = (hparams.load_system(recipe, name) for name in ("am_resnet", "am_resnet_w2v2_ca"))
    assert one.phase_tree("am_resnet") == other.phase_tree("am_resnet")
    assert one.shared("am_resnet") and other.shared("am_resnet") and not one.shared("resnet")
    assert "ssl_model" not in other.phase_tree("am_resnet")["keys"] and "ssl_model" in other.phase_tree("ca")["keys"]


def test_cross_attention_weighs_layers():
    from speechbrain_ext.lobes.cross_attention import CrossAttentionClassifier

    torch.manual_seed(0)
    one, all_ = CrossAttentionClassifier(4, dim_w=6), CrossAttentionClassifier(4, dim_w=6, n_layers=3)
    all_.load_state_dict({**one.state_dict(), "layer_weights": torch.tensor([1.0, 0.0, 2.0])})
    states = torch.rand(2, 9, 3, 6)
    lengths = {"am": torch.tensor([9, 4]), "w2v2": torch.tensor([9, 4])}
    am = torch.rand(2, 9, 64)
    weights = np.exp([1.0, 0.0, 2.0]) / np.exp([1.0, 0.0, 2.0]).sum()
    mixed = (states * torch.tensor(weights, dtype=torch.float32)[:, None]).sum(2)
    wanted = one.eval()({"am": am, "w2v2": mixed}, lengths)["logits"]
    found = all_.eval()({"am": am, "w2v2": states.flatten(2)}, lengths)["logits"]
    assert torch.allclose(found, wanted, atol=1e-5)
