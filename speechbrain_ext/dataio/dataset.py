"""From manifest and feature cache to SpeechBrain datasets of one fold."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from speechbrain.dataio.dataset import DynamicItemDataset
from speechbrain.utils.data_pipeline import provides, takes

from speechbrain_ext.corpora.joint import corpora_of
from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.corpora.task import Task
from speechbrain_ext.dataio.collate import Goal
from speechbrain_ext.dataio.statistics import RunningStatistics
from speechbrain_ext.features.cache import FeatureCache
from speechbrain_ext.features.segments import count_segments, group, place_of, segment_name

OUTPUT_KEYS = ["id", "target", "shares", "gender", "features"]
GENDERS = ("F", "M")
# Ends the name of the copy of an oversampled segment.
AGAIN = "+again"
# Mean and deviation [feature] by speaker.
SpeakerStatistics = Mapping[str, tuple[np.ndarray, np.ndarray]]


@dataclass
class FeatureSource:
    """One cached feature of a system, cut to the system's length.

    Attributes
    ----------
    name : str
        The feature's name in the YAML, e.g. "lld".
    cache : FeatureCache
        Where its frames are.
    max_frames : int
        Frames that an utterance is cut to.
    silence : array or None
        The frame [feature] that fills a shorter utterance; None: it stays short and is padded with its length kept.
    speaker_statistics : mapping
        Mean and deviation [feature] by speaker, when features are normalised per speaker or per corpus.
    segment_rows : int
        Rows of a segment, where utterances are cut into segments; 0: they are not cut.
    leave_out_silent : bool
        Leave out the segments all of whose rows are 0.
    """

    name: str
    cache: FeatureCache
    max_frames: int
    silence: np.ndarray | None = None
    speaker_statistics: SpeakerStatistics = field(default_factory=dict)
    segment_rows: int = 0
    leave_out_silent: bool = False

    def frames(self, utterance: Utterance, variant: str = "") -> np.ndarray:
        """Real frames of an utterance, cut, as float32 [time, feature]."""
        key = f"{utterance.audio_sha256}+{variant}" if variant else utterance.audio_sha256
        frames = np.array(self.cache.get(key)[: self.max_frames], dtype=np.float32)  # [time, feature]
        return self._by_speaker(frames, utterance.speaker)

    def item(self, utterance: Utterance, variant: str = "") -> torch.Tensor:
        """What the network is given: real frames, filled with silence where that is asked for."""
        frames = self.frames(utterance, variant)
        missing = self.max_frames - len(frames)
        if self.silence is not None and missing > 0:
            silence = self._by_speaker(self.silence[None].astype(np.float32), utterance.speaker)
            frames = np.concatenate([frames, np.repeat(silence, missing, axis=0)])  # [max_frames, feature]
        return torch.from_numpy(frames)

    def segments(self, utterance: Utterance, training: bool = False) -> list[str]:
        """Names of the utterance's segments, without silent ones where these are left out.

        Of an utterance that is silent throughout, training gets no segment, and scoring gets all of them: each
        utterance has a score.
        """
        rows, size = self.cache.get(utterance.audio_sha256), self.segment_rows  # [rows of the utterance, feature]
        places: Sequence[int] = range(count_segments(len(rows), size))
        if self.leave_out_silent:
            sounding = [place for place in places if np.any(rows[place * size : (place + 1) * size])]
            places = sounding if sounding or training else places
        return [segment_name(utterance.id, place) for place in places]

    def segment(self, utterance: Utterance, place: int, rows: int | None = None) -> torch.Tensor:
        """Rows of a segment as float32 [time, feature]: all of them, or the first `rows`."""
        start = place * self.segment_rows
        stop = start + (self.segment_rows if rows is None else rows)
        frames = np.array(self.cache.get(utterance.audio_sha256)[start:stop], dtype=np.float32)  # [time, feature]
        return torch.from_numpy(self._by_speaker(frames, utterance.speaker))

    def _by_speaker(self, frames: np.ndarray, speaker: str) -> np.ndarray:
        if not self.speaker_statistics:
            return frames
        mean, deviation = self.speaker_statistics[speaker]
        return ((frames - mean) / deviation).astype(np.float32)


def speaker_statistics(
    source: FeatureSource, utterances: Sequence[Utterance]
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Statistics per speaker over all of the speaker's utterances, of test speakers too: transductive."""
    by_speaker: dict[str, RunningStatistics] = {}
    for utterance in utterances:
        by_speaker.setdefault(utterance.speaker, RunningStatistics()).add(source.frames(utterance))
    return {speaker: running.result() for speaker, running in sorted(by_speaker.items())}


def corpus_statistics(
    source: FeatureSource, utterances: Sequence[Utterance]
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Statistics per corpus over all of its utterances, by speaker: no speaker is in two corpora of a joint one."""
    by_corpus: dict[str, RunningStatistics] = {}
    of_speaker: dict[str, str] = {}
    for utterance, corpus in zip(utterances, corpora_of(utterances), strict=True):
        by_corpus.setdefault(corpus, RunningStatistics()).add(source.frames(utterance))
        of_speaker[utterance.speaker] = corpus
    found = {corpus: running.result() for corpus, running in by_corpus.items()}
    return {speaker: found[corpus] for speaker, corpus in sorted(of_speaker.items())}


@dataclass
class VariantChooser:
    """Which waveform variant of a training utterance an epoch sees: a pure function of seed, epoch and id."""

    variants: Sequence[str]
    clean_share: float
    seed: int
    epoch: int = 0

    def __call__(self, identity: str) -> str:
        """The variant's name; "" is the utterance as it is."""
        if not self.variants:
            return ""
        digest = hashlib.sha256(f"{self.seed}:{self.epoch}:{identity}".encode()).digest()
        draw = int.from_bytes(digest[:8], "big") / 2**64
        if draw < self.clean_share:
            return ""
        place = (draw - self.clean_share) / (1 - self.clean_share)
        return self.variants[min(int(place * len(self.variants)), len(self.variants) - 1)]


def make_dataset(
    utterances: Sequence[Utterance],
    task: Task,
    sources: Sequence[FeatureSource],
    embeddings: Mapping[str, Mapping[str, torch.Tensor]] | None = None,
    chooser: Callable[[str], str] | None = None,
) -> DynamicItemDataset:
    """Make a dataset whose items are an id, a class index, the shares of the classes and the features by name.

    Arguments
    ---------
    utterances : sequence of Utterance
        In the order of the dataset.
    task : Task
        The label's place among its classes is the class index; an utterance without a label has that of its largest
        share. With dimensions the shares are their values, and the class index is 0.
    sources : sequence of FeatureSource
        Cached features.
    embeddings : mapping
        By phase name, then by id: a vector [feature] of an earlier, frozen phase.
    chooser : callable
        From an id to the waveform variant of this epoch.

    Returns
    -------
    DynamicItemDataset
        Items with `id`, `target`, `shares` (tensor [class or dimension]), `gender` (its place in `GENDERS`, -1 where
        it is not known) and `features` (from name to tensor).
    """
    by_id = {utterance.id: utterance for utterance in utterances}
    extra = embeddings or {}

    @takes("id")
    @provides("features")
    def features(identity: str) -> dict[str, torch.Tensor]:
        variant = chooser(identity) if chooser else ""
        found: dict[str, torch.Tensor] = {s.name: s.item(by_id[identity], variant) for s in sources}
        return found | {name: vectors[identity] for name, vectors in extra.items()}

    data = {utterance.id: _goal(utterance, task) for utterance in utterances}
    return DynamicItemDataset(data, dynamic_items=[features], output_keys=OUTPUT_KEYS)


def make_segment_dataset(
    utterances: Sequence[Utterance],
    task: Task,
    sources: Sequence[FeatureSource],
    frames: Mapping[str, Mapping[str, torch.Tensor]] | None = None,
    oversampled: Collection[str] = (),
    training: bool = False,
) -> DynamicItemDataset:
    """Make a dataset whose items are segments of utterances, each with its utterance's label.

    Arguments
    ---------
    utterances : sequence of Utterance
        In the order of the dataset; the segments of one follow each other.
    task : Task
        As for `make_dataset`.
    sources : sequence of FeatureSource
        Cached features that have `segment_rows`.
    frames : mapping
        By phase name, then by segment: frames [time, feature] of an earlier, frozen phase. Where there are any, each
        source gives as many rows.
    oversampled : collection of str
        Ids of utterances whose segments stand twice in the data.
    training : bool
        Whether the dataset is trained on: see `FeatureSource.segments`.

    Returns
    -------
    DynamicItemDataset
        Items as `make_dataset` gives them; the id is the segment's name.
    """
    extra = frames or {}
    known = next(iter(extra.values()), None)
    by_name: dict[str, tuple[Utterance, int]] = {}
    by_utterance = group(known) if known is not None else {}
    for utterance in utterances:
        if known is None:
            names = sources[0].segments(utterance, training)
        else:
            # The earlier phase left out for training the utterances that are silent throughout.
            names = by_utterance.get(utterance.id, []) if training else by_utterance[utterance.id]
        by_name |= {name: (utterance, place_of(name)) for name in names}
        if utterance.id in oversampled:
            by_name |= {f"{name}{AGAIN}": (utterance, place_of(name)) for name in names}

    @takes("id")
    @provides("features")
    def features(name: str) -> dict[str, torch.Tensor]:
        utterance, place = by_name[name]
        name = name.removesuffix(AGAIN)
        rows = None if known is None else len(known[name])
        found = {source.name: source.segment(utterance, place, rows) for source in sources}
        return found | {phase: each[name] for phase, each in extra.items()}

    data = {name: _goal(utterance, task) for name, (utterance, _) in by_name.items()}
    return DynamicItemDataset(data, dynamic_items=[features], output_keys=OUTPUT_KEYS)


def _goal(utterance: Utterance, task: Task) -> Goal:
    """What an utterance is trained towards, and the class that sampling and scores take it for."""
    shares, label = task.target_of(utterance), task.label_of(utterance)
    if task.dimensions:
        target = 0
    else:
        target = shares.index(max(shares)) if label is None else task.classes.index(label)
    gender = GENDERS.index(utterance.gender) if utterance.gender in GENDERS else -1
    (corpus,) = corpora_of([utterance])
    return {"target": target, "shares": torch.tensor(shares), "gender": gender, "corpus": corpus}
