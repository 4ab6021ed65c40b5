"""Stage 1: compute and cache the features that a system reads."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from speechbrain_ext.corpora.data_folder import check_audio_unchanged
from speechbrain_ext.features import extraction
from speechbrain_ext.features.cache import FeatureCache
from speechbrain_ext.features.extraction import AudioItem
from speechbrain_ext.training.experiment import Experiment
from speechbrain_ext.training.run_request import RunRequest
from speechbrain_ext.training.system_build import check_resources, check_system
from speechbrain_ext.utils.errors import UserError


def extract(request: RunRequest) -> None:
    """Extract every feature of the chosen variant for every utterance of the folds.

    Arguments
    ---------
    request : RunRequest
        The runs; features do not depend on the seed.

    Raises
    ------
    UserError
        Stage 0 is missing, an earlier run of the row had other inputs, or audio cannot be read.
    UsageError
        There is no such fold.
    """
    if not request.force:
        for run in request.experiments:
            run.check_earlier_inputs()
    experiment = request.experiments[0]
    # Features do not depend on it, but a wrong name of a fold is found before they are computed.
    request.fold_names(experiment)
    check_system(experiment.hp)
    check_audio_unchanged(experiment.spec.data, [experiment.utterances[identity] for identity in experiment.used])
    built = experiment.hp.build()
    check_resources(experiment.hp)
    # All are made before the first is computed, so that a wrong key of the last one is found now.
    extractors = {name: built["features"][name]() for name in experiment.hp.features()}
    for name, extractor in extractors.items():
        items = audio_items(experiment, extractor.sample_rate_hz, built.get("augment_waveform") or [])
        cache = FeatureCache(experiment.spec.cache, extractor)
        counts = extraction.extract(cache, items, jobs=request.jobs)
        listed = ", ".join(f"{number} {what}" for what, number in counts.items())
        print(f"features {name}: {listed} ({cache.folder})")
        if extractor.reports_facts:
            keys = [experiment.utterances[identity].audio_sha256 for identity in experiment.used]
            print(f"{name}: {extractor.describe(extractor.cached_facts(map(cache.get, keys)), len(keys))}")


def audio_items(experiment: Experiment, sample_rate_hz: int, variants: Sequence[str]) -> list[AudioItem]:
    """The audio of every used utterance and of its augmented variants.

    Arguments
    ---------
    experiment : Experiment
    sample_rate_hz : int
        The extractor's rate.
    variants : sequence of str
        Names of augmented copies.

    Raises
    ------
    UserError
        Stage 0 has not read the audio.
    """
    root = Path(experiment.manifest.root)
    items = []
    for identity in experiment.used:
        utterance = experiment.utterances[identity]
        if utterance.sha256 is None:
            raise UserError(
                f"{experiment.spec.data} was prepared without reading the audio, so features would have no names: "
                "run stage 0 again with --force and without --no-audio-check"
            )
        read = partial(utterance.read_audio, root, sample_rate_hz)
        resampled = utterance.sample_rate_hz != sample_rate_hz
        for variant in (None, *variants):
            items.append(AudioItem(utterance.sha256, str(root / utterance.wav), read, variant, resampled))
    return items
