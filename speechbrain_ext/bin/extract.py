"""Stage 1: compute and cache the features that a system reads."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from speechbrain_ext.bin.run_options import experiments, run_parser
from speechbrain_ext.utils.errors import UserError

if TYPE_CHECKING:
    from speechbrain_ext.features.extraction import AudioItem
    from speechbrain_ext.training.experiment import Experiment


def main(argv: Sequence[str] | None = None) -> None:
    """Extract every feature of the chosen variant for every utterance of the folds."""
    extract_features(
        run_parser("Compute and cache the features that a system reads (stage 1).", "extract").parse_args(argv)
    )


def extract_features(args: argparse.Namespace) -> None:
    """Extract for options that are read already."""
    from speechbrain_ext.corpora.data_folder import check_audio_unchanged
    from speechbrain_ext.features.cache import FeatureCache
    from speechbrain_ext.features.extraction import extract
    from speechbrain_ext.training.system_build import check_resources, check_system

    runs = experiments(args)
    for run in runs:
        if not args.force:
            run.check_earlier_inputs()
    experiment = runs[0]
    check_system(experiment.hp)
    check_audio_unchanged(experiment.spec.data, [experiment.utterances[identity] for identity in experiment.used])
    built = experiment.hp.build()
    check_resources(experiment.hp)
    # All are made before the first is computed, so that a wrong key of the last one is found now.
    extractors = {name: built["features"][name]() for name in experiment.hp.features()}
    for name, extractor in extractors.items():
        items = _items(experiment, extractor.sample_rate_hz, built.get("augment_waveform") or [])
        cache = FeatureCache(experiment.spec.cache, extractor)
        counts = extract(cache, items, jobs=args.jobs)
        told = ", ".join(f"{number} {what}" for what, number in counts.items())
        print(f"features {name}: {told} ({cache.folder})")
        if extractor.reports_facts:
            keys = [experiment.utterances[identity].sha256 for identity in experiment.used]
            print(f"{name}: {extractor.describe(extractor.cached_facts(map(cache.get, keys)), len(keys))}")


def _items(experiment: Experiment, sample_rate_hz: int, variants: Sequence[str]) -> list[AudioItem]:
    from speechbrain_ext.corpora.manifest import read_audio
    from speechbrain_ext.features.extraction import AudioItem

    root = Path(experiment.manifest.root)
    items = []
    for identity in experiment.used:
        utterance = experiment.utterances[identity]
        if utterance.sha256 is None:
            raise UserError(
                f"{experiment.spec.data} was prepared without reading the audio, so features would have no names: "
                "run stage 0 again with --force and without --no-audio-check"
            )
        read = partial(read_audio, root, utterance, sample_rate_hz)
        resampled = utterance.sample_rate_hz != sample_rate_hz
        for variant in (None, *variants):
            items.append(AudioItem(utterance.sha256, str(root / utterance.wav), read, variant, resampled))
    return items


if __name__ == "__main__":
    from speechbrain_ext.bin.main_guard import run

    run(main)
