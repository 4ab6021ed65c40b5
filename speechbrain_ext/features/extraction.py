"""Fill the feature cache: every utterance once, by several processes, whatever is interrupted.

Audio that has to be resampled is brought to the extractor's rate first, in a cache of its own; the features are
computed from there. So each of the two steps has one writer, and workers only read.
"""

from __future__ import annotations

import contextlib
import math
import secrets
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from tqdm import tqdm

from speechbrain_ext.features.cache import REMAKE, FeatureCache, entry_key
from speechbrain_ext.features.extractor import Extractor
from speechbrain_ext.features.resampled import ResampledAudio, read_kept
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.workers import worker_pool

CHUNK_ITEMS = 4
FAULTS_NAMED = 5


@dataclass(frozen=True)
class AudioItem:
    """One utterance to extract.

    Arguments
    ---------
    sha256 : str
        Hash of the utterance's samples.
    where : str
        How messages name it: the path of the file, or the utterance's id.
    read : callable
        Reads the samples, float32 [samples] at the extractor's rate; picklable, for instance
        `functools.partial(utterance.read_audio, root, sample_rate_hz)`.
    variant : str, optional
        Name of a changed copy, see `speechbrain_ext.features.augment`.
    resampled : bool, optional
        Whether `read` changes the rate: what it gives is then kept with the features, and read from there.
    """

    sha256: str
    where: str
    read: Callable[[], np.ndarray]
    variant: str | None = None
    resampled: bool = False

    @property
    def key(self) -> str:
        """Name of the utterance in the cache."""
        return entry_key(self.sha256, self.variant)


Outcome = tuple[str, "np.ndarray | None", str]  # key, frames, fault


def extract(cache: FeatureCache, items: Iterable[AudioItem], jobs: int = 1, progress: bool = True) -> dict[str, int]:
    """Compute what the cache lacks of some utterances, and redo what it has lost.

    Arguments
    ---------
    cache : FeatureCache
        Where the frames go. Each entry asked for that is already there is checked.
    items : iterable of AudioItem
        The utterances; of two with the same audio one is computed.
    jobs : int
        Worker processes of one thread each; 1 works in this process.
    progress : bool
        Show a bar on standard error when it takes longer than a moment.

    Returns
    -------
    dict
        Numbers of distinct entries: "computed" for the first time, "redone" because they
        were damaged, "reused".

    Raises
    ------
    UserError
        Some utterances cannot be read or extracted, all named in one line; the others are kept.
    """
    wanted = {item.key: item for item in items}
    counts, faults = _fill(cache, wanted, jobs, progress)
    if faults:
        lines = [_named(wanted[key].where, fault) for key, fault in faults.items()]
        raise UserError(_summary(cache.extractor.name, lines, len(wanted)))
    return counts


def _named(where: str, fault: str) -> str:
    return fault if fault.startswith(f"{where}: ") else f"{where}: {fault}"


def _fill(
    cache: FeatureCache, wanted: Mapping[str, AudioItem], jobs: int, progress: bool
) -> tuple[dict[str, int], dict[str, str]]:
    """Compute what is lacking; give the counts, and by key what is wrong with the utterances that failed."""
    damaged = set(cache.verify(wanted))
    lacking = [wanted[key] for key in cache.missing(wanted)]
    counts = {"computed": 0, "reused": len(wanted) - len(lacking), "redone": 0}
    if not lacking:
        return counts, {}
    lacking, faults = _at_rate(cache, lacking, jobs, progress)
    if not lacking:
        return counts, faults
    jobs = max(1, min(jobs, math.ceil(len(lacking) / CHUNK_ITEMS)))
    bar = tqdm(
        total=len(lacking),
        desc=f"features {cache.extractor.name}",
        unit="utt",
        delay=1.0,
        disable=not progress,
        mininterval=0.2 if sys.stderr.isatty() else 10.0,
    )
    with cache.writer() as writer, bar, contextlib.closing(_outcomes(cache.extractor, lacking, jobs)) as outcomes:
        for key, frames, fault in outcomes:
            if frames is None:
                faults[key] = fault
            else:
                writer.add(key, frames)
                counts["redone" if key in damaged else "computed"] += 1
            bar.update()
    return counts, faults


def _at_rate(
    cache: FeatureCache, items: list[AudioItem], jobs: int, progress: bool
) -> tuple[list[AudioItem], dict[str, str]]:
    """Resample what is not kept yet; give items that read what is kept, and by key the faults of the others."""
    foreign = {item.sha256: replace(item, variant=None, resampled=False) for item in items if item.resampled}
    if not foreign or cache.extractor.sample_rate_hz != ResampledAudio.sample_rate_hz:
        return items, {}
    _, faults = _fill(FeatureCache(cache.root, ResampledAudio()), foreign, jobs, progress)
    run, ready = secrets.randbits(63), []
    for item in items:
        if item.resampled and item.sha256 not in faults:
            item = replace(item, read=partial(read_kept, cache.root, item.sha256, run))
        if item.sha256 not in faults:
            ready.append(item)
    return ready, {item.key: faults[item.sha256] for item in items if item.sha256 in faults}


def _summary(name: str, faults: list[str], num_items: int) -> str:
    """Put all faults into one line."""
    more = f"; and {len(faults) - FAULTS_NAMED} more" if len(faults) > FAULTS_NAMED else ""
    return (
        f"{len(faults)} of {num_items} utterances gave no {name}: {'; '.join(faults[:FAULTS_NAMED])}{more}. "
        f"The others are kept: mend or remove these files, then type: {REMAKE}"
    )


def _outcomes(extractor: Extractor, items: list[AudioItem], jobs: int) -> Generator[Outcome, None, None]:
    """Compute items in their order, here or in worker processes."""
    if jobs == 1:
        for item in items:
            yield _compute(extractor, item)
        return
    chunks = deque(items[start : start + CHUNK_ITEMS] for start in range(0, len(items), CHUNK_ITEMS))
    running: deque[Future[list[Outcome]]] = deque()
    with worker_pool(jobs, "a worker process ended unexpectedly") as submit:
        while chunks or running:
            # A short queue keeps all workers busy and bounds the frames that wait for their turn.
            while chunks and len(running) < 3 * jobs:
                running.append(submit(_compute_chunk, extractor, chunks.popleft()))
            yield from running.popleft().result()


def _compute_chunk(extractor: Extractor, items: list[AudioItem]) -> list[Outcome]:
    return [_compute(extractor, item) for item in items]


def _compute(extractor: Extractor, item: AudioItem) -> Outcome:
    """Read and extract one utterance; a fault of its file is returned, not raised."""
    try:
        samples = extractor.prepare(item.read())  # [samples]
        if item.variant:
            from speechbrain_ext.features.augment import apply_variant

            samples = apply_variant(samples, item.variant, item.sha256, extractor.sample_rate_hz)  # [samples]
        return item.key, extractor(samples), ""
    except (UserError, OSError, ValueError, RuntimeError) as fault:
        text = " ".join(str(fault).split())
        return item.key, None, text if isinstance(fault, UserError) else f"{type(fault).__name__}: {text}"
