"""A small corpus with silent segments, and runs of AM-ResNet and its fusion on it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from data_folders import write_data, write_folds

from speechbrain_ext import hparams
from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.features.cache import FeatureCache
from speechbrain_ext.training.run_spec import RunSpec

CLASSES = tuple("anger boredom disgust fear happiness neutral sadness".split())
SPEAKERS, FOLD = ("03", "08", "09"), "08"
SEGMENT = 1600  # samples
TINY = {"channels": "4", "strides": "[4, 4, 2]", "segment_s": "0.1", "schedule_scale": "0.005", "batch_size": "8"}
FUSION = {"attention_size": "4", "ffn_size": "8", "fusion_batch_size": "8"}
# Segments in which nothing sounds: one of three of the first utterance, all of the second one.
SILENT = {0: (1,), 1: (0, 1)}
SEGMENTS = {0: 3, 1: 2}


def signal_of(number: int, random: np.random.Generator) -> np.ndarray:
    """Samples after MADD, [samples, 1]: a tone of its class in noise, silent segments 0."""
    count = SEGMENTS.get(number, 1)
    time = np.arange(count * SEGMENT - 200)  # the last segment is shorter
    samples = 0.3 * np.sin(time * 0.05 * (1 + number)) + 0.05 * random.normal(size=len(time))
    for place in SILENT.get(number, ()):
        samples[place * SEGMENT : (place + 1) * SEGMENT] = 0.0
    return samples.astype("f4")[:, None]


def words(**changes: str) -> tuple[str, ...]:
    """The words after `--`."""
    return tuple(f"--{key}={value}" for key, value in changes.items())


def make_run(folder: Path, repository: Path, model: Path) -> RunSpec:
    """Write manifest, folds and cache of 7 utterances of each of three speakers; specify a run of the fusion."""
    random, utterances = np.random.default_rng(0), []
    for speaker in SPEAKERS:
        for number, label in enumerate(CLASSES):
            name = f"{speaker}-{number}"
            known = {"id": name, "sha256": name, "speaker": speaker, "label": label}
            utterances.append(Utterance(corpus="EmoDB", wav="x.wav", sample_rate_hz=16000, num_samples=1600, **known))
    data = folder / "data/EmoDB-mini"
    write_data(data, utterances)
    write_folds(data, utterances, "speaker", task=Task(CLASSES))
    spec = RunSpec(
        recipe=str(repository / "recipes/EmoDB"),
        system="am_resnet_w2v2_ca",
        data=str(data),
        exp=str(folder / "exp"),
        cache=str(folder / "cache"),
        overrides=words(ssl_model=str(model), **TINY, **FUSION),
        protocol="speaker",
    )
    built = hparams.load_system(spec.recipe, spec.system, hparams.parse_overrides(list(spec.overrides))).build()
    waveform, frames = (built["features"][name]() for name in ("waveform", "w2v2"))
    with FeatureCache(spec.cache, waveform).writer() as samples, FeatureCache(spec.cache, frames).writer() as states:
        for utterance in utterances:
            number = int(utterance.id[-1])
            samples.add(utterance.sha256, signal_of(number, random))
            rows = SEGMENTS.get(number, 1) * frames.segment_rows
            states.add(utterance.sha256, random.normal(size=(rows, frames.dim)).astype("f4"))
    return spec


def first_stage_of(spec: RunSpec, repository: Path, **changes: str) -> RunSpec:
    """The run of AM-ResNet alone on the same corpus."""
    return replace(spec, system="am_resnet", overrides=words(**{**TINY, **changes}))
