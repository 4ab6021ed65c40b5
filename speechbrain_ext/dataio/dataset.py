"""From manifest and feature cache to SpeechBrain datasets of one fold."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from speechbrain.dataio.dataset import DynamicItemDataset
from speechbrain.utils.data_pipeline import provides, takes

from speechbrain_ext.features.cache import FeatureCache
from speechbrain_ext.manifest import Utterance


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
        Mean and deviation [feature] by speaker, when features are normalised per speaker.
    """

    name: str
    cache: FeatureCache
    max_frames: int
    silence: np.ndarray | None = None
    speaker_statistics: Mapping[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    def frames(self, utterance: Utterance, variant: str = "") -> np.ndarray:
        """Real frames of an utterance, cut, as float32 [time, feature]."""
        key = f"{utterance.sha256}+{variant}" if variant else utterance.sha256
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

    def _by_speaker(self, frames: np.ndarray, speaker: str) -> np.ndarray:
        if not self.speaker_statistics:
            return frames
        mean, deviation = self.speaker_statistics[speaker]
        return ((frames - mean) / deviation).astype(np.float32)


def statistics(arrays: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation per dimension over all frames, in float64.

    Arguments
    ---------
    arrays : iterable of arrays [time, feature]

    Returns
    -------
    tuple of arrays [feature]
        The deviation of a constant dimension is 1, so that it becomes 0.

    Example
    -------
    >>> mean, deviation = statistics([np.array([[0.0, 5.0]]), np.array([[2.0, 5.0]])])
    >>> mean.tolist(), deviation.tolist()
    ([1.0, 5.0], [1.0, 1.0])
    """
    frames = np.concatenate([np.asarray(array, dtype=np.float64) for array in arrays])  # [all frames, feature]
    mean, deviation = frames.mean(axis=0), frames.std(axis=0)
    return mean, np.where(deviation > 1e-8 * np.maximum(1.0, np.abs(mean)), deviation, 1.0)


def speaker_statistics(
    source: FeatureSource, utterances: Sequence[Utterance]
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Statistics per speaker over all of the speaker's utterances, of test speakers too: transductive."""
    by_speaker: dict[str, list[np.ndarray]] = {}
    for utterance in utterances:
        by_speaker.setdefault(utterance.speaker, []).append(source.frames(utterance))
    return {speaker: statistics(arrays) for speaker, arrays in sorted(by_speaker.items())}


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
    classes: Sequence[str],
    sources: Sequence[FeatureSource],
    embeddings: Mapping[str, Mapping[str, torch.Tensor]] | None = None,
    chooser: Callable[[str], str] | None = None,
) -> DynamicItemDataset:
    """Make a dataset whose items are an id, a class index and the features by name.

    Arguments
    ---------
    utterances : sequence of Utterance
        In the order of the dataset.
    classes : sequence of str
        The label's place here is its class index.
    sources : sequence of FeatureSource
        Cached features.
    embeddings : mapping
        By step name, then by id: a vector [feature] of an earlier, frozen step.
    chooser : callable
        From an id to the waveform variant of this epoch.

    Returns
    -------
    DynamicItemDataset
        Items with `id`, `target` and `features` (a mapping from name to a tensor).
    """
    by_id = {utterance.id: utterance for utterance in utterances}
    places = {label: index for index, label in enumerate(classes)}
    extra = embeddings or {}

    @takes("id")
    @provides("features")
    def features(identity: str) -> dict[str, torch.Tensor]:
        variant = chooser(identity) if chooser else ""
        found: dict[str, torch.Tensor] = {s.name: s.item(by_id[identity], variant) for s in sources}
        return found | {name: vectors[identity] for name, vectors in extra.items()}

    data: dict[str, dict[str, Any]] = {u.id: {"target": places[u.label]} for u in utterances}
    return DynamicItemDataset(data, dynamic_items=[features], output_keys=["id", "target", "features"])
