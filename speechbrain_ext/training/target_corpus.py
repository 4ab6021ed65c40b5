"""A trained model on another corpus: the features of its utterances, and the model's outputs for them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from speechbrain_ext.corpora.data_folder import check_audio_unchanged
from speechbrain_ext.features import extraction
from speechbrain_ext.features.cache import FeatureCache
from speechbrain_ext.training import launch
from speechbrain_ext.training.experiment import Experiment
from speechbrain_ext.training.extract import audio_items
from speechbrain_ext.training.fold import phases_of, torch_settings
from speechbrain_ext.training.methods import Method
from speechbrain_ext.training.objectives import Output
from speechbrain_ext.training.run_spec import RunSpec
from speechbrain_ext.training.target import TargetCorpus
from speechbrain_ext.training.view import view_of


def predict_target(spec: RunSpec, fold: str, target: TargetCorpus, method: Method) -> list[Output]:
    """Run the model of a fold on all utterances of a target, sorted by id.

    Arguments
    ---------
    spec : RunSpec
        The run that trained it.
    fold : str
        The fold's name.
    target : TargetCorpus
    method : Method
        What of the trained model is replaced by statistics of the target, without its labels.
    """
    experiment = Experiment(spec)
    with torch_settings(spec.threads):
        view = view_of(experiment, target)
        return phases_of(experiment, fold)[-1].elsewhere(view, method).outputs(view.used)


def predict_targets(
    run: Experiment, folds: Sequence[str], target: TargetCorpus, method: Method, jobs: int
) -> dict[str, list[Output]]:
    """Run the models of several folds on a target, in worker processes: outputs by fold, sorted by id."""
    check_audio_unchanged(target.folder, list(target.utterances.values()))
    call = partial(predict_target, target=target, method=method)
    name = target.facts.corpus
    found = launch.map_folds(call, [(run.spec, fold) for fold in folds], jobs, f"score {name}")
    return {fold: outputs for (_, fold), outputs in found.items()}


def extract_target(run: Experiment, target: TargetCorpus, jobs: int) -> None:
    """Compute and cache the features of a target that a system reads.

    Raises
    ------
    UserError
        Audio cannot be read, or is not what stage 0 measured.
    """
    check_audio_unchanged(target.folder, list(target.utterances.values()))
    view = view_of(run, target)
    built = run.hp.build()
    for name in run.hp.features():
        extractor = built["features"][name]()
        cache = FeatureCache(run.spec.cache, extractor)
        counts = extraction.extract(cache, audio_items(view, extractor.sample_rate_hz, []), jobs=jobs)
        listed = ", ".join(f"{number} {what}" for what, number in counts.items())
        print(f"features {name} of {Path(target.folder).name}: {listed} ({cache.folder})", flush=True)
