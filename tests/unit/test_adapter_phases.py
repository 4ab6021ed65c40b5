"""Adapters as a setting of a training step, and how many parameters the results say it trains."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from data_folders import write_data, write_folds
from tiny_ssl import LAYERS, SIZE, write_tiny

from speechbrain_ext import hparams
from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.evaluation.provenance import run_facts
from speechbrain_ext.features.cache import FeatureCache
from speechbrain_ext.features.ssl import Waveform
from speechbrain_ext.lobes.adapters import ADAPTERS, AdapterSettings
from speechbrain_ext.lobes.ssl_encoder import encoder_of
from speechbrain_ext.training.experiment import Experiment
from speechbrain_ext.training.fold import fold_facts, phases_of, predict_fold, train_fold
from speechbrain_ext.training.run_spec import RunSpec
from speechbrain_ext.utils.errors import UserError

RANK = 3
# A layer has two layers of 16 x 16 with lora; behind two layers of width 16 with houlsby.
LEARNED = {"lora": LAYERS * 2 * 2 * SIZE * RANK, "houlsby": LAYERS * 2 * (2 * SIZE * RANK + SIZE + RANK)}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(write_tiny(tmp_path_factory.mktemp("models") / "tiny", "wav2vec2-layer"))


SPEAKERS, FOLD = ("03", "08", "09"), "08"
CLASSES = tuple("anger boredom disgust fear happiness neutral sadness".split())


@pytest.fixture(scope="module")
def spec(tmp_path_factory, repository, model):
    """7 utterances of each of three speakers, of 0.1 s."""
    folder, random = tmp_path_factory.mktemp("finetune"), np.random.default_rng(0)
    utterances = []
    with FeatureCache(folder / "cache", Waveform()).writer() as writer:
        for speaker in SPEAKERS:
            for label in CLASSES:
                name = f"{speaker}-{label}"
                known = {"id": name, "sha256": name, "speaker": speaker, "label": label}
                made = Utterance(corpus="EmoDB", wav="x.wav", sample_rate_hz=16000, num_samples=1600, **known)
                utterances.append(made)
                writer.add(name, random.normal(size=(1600, 1)).astype("f4"))
    data = folder / "data/EmoDB-mini"
    write_data(data, utterances)
    write_folds(data, utterances, "speaker", task=Task(CLASSES))
    return RunSpec(
        recipe=str(repository / "recipes/EmoDB"),
        system="ssl_finetune",
        data=str(data),
        exp=str(folder / "exp"),
        cache=str(folder / "cache"),
        overrides=(f"--ssl_model={model}", "--epochs=1", "--batch_size=7", "--projection_size=4"),
        protocol="speaker",
    )


@pytest.mark.parametrize("adapter", ["null", *ADAPTERS])
def test_results_count_what_is_trained_and_all(spec, adapter):
    run = replace(spec, row=adapter, overrides=(*spec.overrides, f"--adapter={adapter}", f"--adapter_rank={RANK}"))
    facts = train_fold(run, FOLD)
    experiment = Experiment(run)
    done = phases_of(experiment, FOLD)[-1].done
    head = LAYERS + 1 + (SIZE + 1) * 4 + (4 + 1) * 7
    encoder = encoder_of(experiment.hp.build()["ssl_model"])
    everything = sum(p.numel() for p in encoder.parameters())
    fixed = sum(p.numel() for p in encoder.feature_extractor.parameters()) + encoder.masked_spec_embed.numel()
    learned = LEARNED.get(adapter)
    trained = head + (everything - fixed if learned is None else learned)
    for found in (done, facts, fold_facts(experiment, FOLD), run_facts(experiment, [facts])):
        assert (found.parameters, found.parameters_total) == (trained, head + everything + (learned or 0))
    assert len(predict_fold(run, FOLD).test) == 7


def test_an_unknown_adapter_is_told_before_training(spec):
    run = replace(spec, row="wrong", overrides=(*spec.overrides, "--adapter=prefix"))
    with pytest.raises(UserError, match="--adapter: expected one of lora, houlsby or null, found 'prefix'") as fault:
        train_fold(run, FOLD)
    assert "\n" not in str(fault.value)


def test_the_keys_reach_the_network(repository, model):
    changed = {"adapter": "lora", "adapter_rank": 2, "adapter_alpha": 6, "ssl_model": model}
    loaded = hparams.load_system(repository / "recipes/EmoDB", "ssl_finetune", changed)
    network = loaded.build()["phases"]["finetune"]["network"]()
    assert network.adapter == AdapterSettings("lora", 2, 6.0)
