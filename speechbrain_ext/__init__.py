"""Published speech emotion recognition systems as SpeechBrain recipes, and the library that they are made of.

The names below are the ones that most users need; `docs/library.md` shows how they go together. Each is imported when
it is first used, so that `import speechbrain_ext` itself needs no other package.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from speechbrain_ext.corpora import get_corpus
    from speechbrain_ext.corpora.manifest import Utterance
    from speechbrain_ext.corpora.task import Task
    from speechbrain_ext.dataio.dataset import FeatureSource, make_dataset
    from speechbrain_ext.evaluation.evaluate import evaluate
    from speechbrain_ext.evaluation.predictions import read_predictions
    from speechbrain_ext.evaluation.results_files import read_results
    from speechbrain_ext.features.cache import FeatureCache
    from speechbrain_ext.hparams import load_system
    from speechbrain_ext.preparation.prepare import prepare
    from speechbrain_ext.preparation.protocols import make_folds
    from speechbrain_ext.preparation.request import PrepareRequest
    from speechbrain_ext.report.page import write_report
    from speechbrain_ext.testing.mini_corpus import write_mini
    from speechbrain_ext.training.brain import EmotionBrain
    from speechbrain_ext.training.brain_settings import BrainSettings
    from speechbrain_ext.training.extract import extract
    from speechbrain_ext.training.phase_model import PhaseModel
    from speechbrain_ext.training.run_request import RunRequest
    from speechbrain_ext.training.run_spec import RunSpec
    from speechbrain_ext.training.train import train

__version__ = "0.1.0"
__all__ = [
    "BrainSettings",
    "EmotionBrain",
    "FeatureCache",
    "FeatureSource",
    "PhaseModel",
    "PrepareRequest",
    "RunRequest",
    "RunSpec",
    "Task",
    "Utterance",
    "evaluate",
    "extract",
    "get_corpus",
    "load_system",
    "make_dataset",
    "make_folds",
    "prepare",
    "read_predictions",
    "read_results",
    "train",
    "write_mini",
    "write_report",
]
_MODULES = {
    "BrainSettings": "training.brain_settings",
    "EmotionBrain": "training.brain",
    "FeatureCache": "features.cache",
    "FeatureSource": "dataio.dataset",
    "PhaseModel": "training.phase_model",
    "PrepareRequest": "preparation.request",
    "RunRequest": "training.run_request",
    "RunSpec": "training.run_spec",
    "Task": "corpora.task",
    "Utterance": "corpora.manifest",
    "evaluate": "evaluation.evaluate",
    "extract": "training.extract",
    "get_corpus": "corpora",
    "load_system": "hparams",
    "make_dataset": "dataio.dataset",
    "make_folds": "preparation.protocols",
    "prepare": "preparation.prepare",
    "read_predictions": "evaluation.predictions",
    "read_results": "evaluation.results_files",
    "train": "training.train",
    "write_mini": "testing.mini_corpus",
    "write_report": "report.page",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
