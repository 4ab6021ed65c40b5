"""What phases of every kind share: their folder, their features, and whether they are trained."""

from __future__ import annotations

import copy
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import cached_property
from typing import Any

from speechbrain.utils.distributed import ddp_barrier, if_main_process

from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.dataio.corpus_balance import CORPUS_CLASS
from speechbrain_ext.dataio.dataset import FeatureSource, SpeakerStatistics, corpus_statistics, speaker_statistics
from speechbrain_ext.dataio.shuffled import shuffle_labels
from speechbrain_ext.features.cache import FeatureCache
from speechbrain_ext.features.extractor import Extractor
from speechbrain_ext.training.experiment import Experiment
from speechbrain_ext.training.finished import TRAIN, FinishedPhase, check_done, done_path, read_done, write_done
from speechbrain_ext.training.methods import AS_TRAINED, METHODS, Method
from speechbrain_ext.training.objectives import Output
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import DamagedFile, folder_lock, write_sealed


class Phase(ABC):
    """A phase of a fold, trained or loaded.

    Arguments
    ---------
    experiment : Experiment
    name : str
        The phase's name in the YAML.
    fold : str
        The fold's name.
    frozen : dict
        Earlier phases by name, already trained.
    """

    def __init__(self, experiment: Experiment, name: str, fold: str, frozen: dict[str, Phase]) -> None:
        self.experiment, self.name, self.fold, self.frozen = experiment, name, fold, frozen
        self.folder = experiment.phase_folder(name, fold)
        self.method = METHODS[AS_TRAINED]

    def elsewhere(self, view: Experiment, method: Method) -> Phase:
        """The same phase on the utterances of another corpus, with the phases that it builds on.

        Arguments
        ---------
        view : Experiment
            The experiment with the utterances and the task of the other corpus.
        method : Method
            What of the trained phase is replaced by statistics of that corpus, without its labels.
        """
        other = copy.copy(self)
        other.__dict__.pop("sources", None)
        other.experiment, other.method = view, method
        other.frozen = {name: phase.elsewhere(view, method) for name, phase in self.frozen.items()}
        return other

    # Built at the first use: the record of a finished phase is read without it.
    @cached_property
    def built(self) -> dict[str, Any]:
        """The system's YAML with its objects, the phase's own."""
        return self.experiment.hp.build()

    @cached_property
    def node(self) -> Any:
        """The phase in `built`."""
        return self.built["phases"][self.name]

    @cached_property
    def sources(self) -> list[FeatureSource]:
        """The cached features that the phase reads."""
        return self._sources()

    @property
    def done(self) -> FinishedPhase | None:
        """The record of the finished training, or None where it is not finished."""
        return read_done(self.folder, self.name)

    def train(self, on_epoch: Callable[[int], None] | None = None) -> None:
        """Train, or go on from the last checkpoint of a killed run, unless training is finished.

        What is damaged is named, and trained again from the last checkpoint that is not.
        """
        if self._is_finished():
            return
        # The lock belongs to one process; the other ranks of a DDP run follow the first.
        with folder_lock(self.folder, wait=True) if if_main_process() else nullcontext():
            ddp_barrier()
            finished = self._is_finished()
            ddp_barrier()
            if not finished:
                if if_main_process():
                    done_path(self.folder, self.name).unlink(missing_ok=True)
                    depends = self.experiment.phase_depends(self.name, self.fold)
                    write_sealed(self.folder / f"depends-{self.name}.json", depends)
                self._fit(on_epoch)
        ddp_barrier()

    def _is_finished(self) -> bool:
        try:
            return check_done(self.folder, self.name)
        except DamagedFile as fault:
            if if_main_process():
                print(f"warning: {fault}: phase {self.name} of fold {self.fold} is trained again", flush=True)
            return False

    def _write_done(self, model: str, finished: FinishedPhase) -> None:
        write_done(self.folder, finished, [model, f"train_log-{self.name}.jsonl", f"depends-{self.name}.json"])

    def outputs(self, ids: Sequence[str]) -> list[Output]:
        """Run the trained phase on utterances, in the order of their ids.

        Raises
        ------
        UserError
            The phase is not trained yet, or what was trained is damaged.
        """
        return self._run(self.trained, sorted(ids))

    @property
    def trained(self) -> FinishedPhase:
        """The record of the finished training; an error where it is not finished."""
        done = self.done
        if not done:
            raise UserError(f"missing {done_path(self.folder, self.name)}: train it with: {TRAIN}")
        return done

    @abstractmethod
    def _fit(self, on_epoch: Callable[[int], None] | None) -> None:
        """Train on the fold's training set and write the done file last."""

    @abstractmethod
    def _run(self, done: FinishedPhase, ids: list[str]) -> list[Output]:
        """Outputs of the phase that the done file describes."""

    def key(self, name: str) -> Any:
        """A key of the system; an error that names file and key where there is none."""
        if name not in self.built:
            raise UserError(f"{self.experiment.hp.system_path}: missing key {name} of phase {self.name}: add it")
        return self.built[name]

    def _utterances(self, ids: Sequence[str], training: bool = False) -> list[Utterance]:
        """Utterances by id; to train on, with shuffled labels where the system's key asks for them."""
        chosen = [self.experiment.utterances[identity] for identity in ids]
        if training and self.built["shuffle_labels"]:
            return shuffle_labels(chosen, self.experiment.spec.seed)
        return chosen

    @property
    def segmented(self) -> bool:
        """Whether utterances are cut into segments of a fixed length."""
        return bool(self.built.get("segment_s"))

    def _sources(self) -> list[FeatureSource]:
        spec, hp = self.experiment.spec, self.experiment.hp
        sources = []
        for name in hp.phase_features(self.name):
            extractor = self.built["features"][name]()
            self._check_normalised(name, extractor)
            cache = FeatureCache(spec.cache, extractor)
            if self.segmented:
                rows, silent = self._segment_rows(name, extractor), self._leaves_out_silent(name, extractor)
                sources.append(FeatureSource(name, cache, sys.maxsize, segment_rows=rows, leave_out_silent=silent))
                continue
            frames = self._max_frames(extractor)
            silence = cache.silence() if extractor.hop_s and self.key("pad") == "silence" else None
            source = FeatureSource(name, cache, frames, silence)
            used = [self.experiment.utterances[identity] for identity in self.experiment.used]
            source.speaker_statistics = self._statistics_by_speaker(source, used)
            sources.append(source)
        return sources

    def _statistics_by_speaker(self, source: FeatureSource, utterances: Sequence[Utterance]) -> SpeakerStatistics:
        """Mean and deviation by speaker, where features are normalised per speaker or per corpus; else empty."""
        if self.built.get("speaker_normalisation"):
            return speaker_statistics(source, utterances)
        return corpus_statistics(source, utterances) if self.built["corpus_normalisation"] else {}

    @property
    def corpus_balance(self) -> str:
        """What weighs the same of several corpora.

        Raises
        ------
        UserError
            Classes, where dimensions are predicted.
        """
        balance = str(self.built["corpus_balance"])
        if balance == CORPUS_CLASS and self.experiment.task.dimensions:
            raise UserError(
                f"phase {self.name}: corpus_balance: expected none or corpus, as dimensions have no classes, "
                f"found {balance}: give one of these"
            )
        return balance

    def _segment_rows(self, name: str, extractor: Extractor) -> int:
        rows = extractor.segment_rows or round(self.built["segment_s"] / (extractor.hop_s or 1e9))
        if extractor.normalised or not rows:
            raise UserError(
                f"phase {self.name}: segment_s: the feature {name} is not cut into segments: leave segment_s out"
            )
        return rows

    def _leaves_out_silent(self, name: str, extractor: Extractor) -> bool:
        """Whether segments without a valid frame are neither trained on nor averaged."""
        choice = self.built.get("silent_segments", "keep")
        if choice == "keep":
            return False
        # A phase with earlier frozen ones takes over the segments that these kept.
        if not extractor.zero_is_silence and not self.frozen:
            raise UserError(
                f"phase {self.name}: silent_segments: expected keep, as the feature {name} marks no silence, "
                f"found {choice}: leave the key out"
            )
        return extractor.zero_is_silence

    def _check_normalised(self, name: str, extractor: Extractor) -> None:
        """Refuse what would mix the rows of a feature that is not to be normalised."""
        for key in ("speaker_normalisation", "corpus_normalisation", "spec_augment"):
            if not extractor.normalised and self.built.get(key):
                raise UserError(
                    f"phase {self.name}: {key}: expected it off, as the feature {name} is used as it is, "
                    f"found {self.built[key]}: leave {key} out"
                )

    def _max_frames(self, extractor: Extractor) -> int:
        # A feature with one row for an utterance has no hop and is never cut.
        return round(self.key("duration_s") / extractor.hop_s) if extractor.hop_s else sys.maxsize
