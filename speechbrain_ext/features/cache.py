"""The feature cache: frames of each utterance, found by the hash of its audio."""

from __future__ import annotations

import contextlib
import json
import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from speechbrain_ext.features.extractor import Extractor
from speechbrain_ext.features.shards import (
    Entry,
    ShardWriter,
    checksum,
    data_path,
    read_index,
    sweep,
    telling_of_storage,
)
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import read_json, write_json
from speechbrain_ext.utils.json_values import JsonObject

ABOUT = "feature.json"
REMAKE = "./run.sh --stage 1 --stop-stage 1"


def entry_key(sha256: str, variant: str | None = None) -> str:
    """Name of an utterance in the cache.

    Arguments
    ---------
    sha256 : str
        Hash of the utterance's samples.
    variant : str, optional
        Name of a changed copy, see `speechbrain_ext.features.augment`.

    Example
    -------
    >>> entry_key("ab12"), entry_key("ab12", "speed0.9")
    ('ab12', 'ab12+speed0.9')
    """
    return f"{sha256}+{variant}" if variant else sha256


class FeatureCache:
    """Frames of one feature set, kept in a few large files and read through memory maps.

    Several processes may read and write it at once. A key may be kept more than once:
    the first sound copy counts. A copy whose checksum fails is dropped.

    Arguments
    ---------
    root : str or Path
        The cache of all features; this one's folder in it is named after the extractor's identity.
    extractor : Extractor
        What computes the feature.

    Example
    -------
    >>> from speechbrain_ext.features.spectrogram import LogMel
    >>> cache = FeatureCache(getfixture("tmp_path"), LogMel(n_mels=4))
    >>> with cache.writer() as writer:
    ...     writer.add("ab12", np.zeros((3, 4), dtype=np.float32))
    >>> cache.get("ab12").shape, cache.missing(["ab12", "cd34"])
    ((3, 4), ['cd34'])
    """

    def __init__(self, root: str | Path, extractor: Extractor) -> None:
        self.root = Path(root)
        self.extractor = extractor
        self.folder = self.root / extractor.tag
        self._indexes: dict[str, tuple[int, int]] = {}  # shard -> time and size of its index as read
        self._copies: dict[str, list[tuple[str, Entry]]] = defaultdict(list)  # key -> (shard, entry), best first
        self._sound: set[tuple[str, int]] = set()
        self._bad: set[tuple[str, int]] = set()
        self._maps: dict[str, np.ndarray] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        # A map would be pickled as a copy of the entire file.
        return type(self), (self.root, self.extractor)

    def writer(self) -> ShardWriter:
        """Start a shard of this process's own, after sweeping up what dead runs left."""
        with telling_of_storage(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            sweep(self.folder)
            about = self.folder / ABOUT
            if self._facts() is None:
                silence = [float(value) for value in self.extractor.silence()]
                extractor = self.extractor
                shape = {"dim": extractor.dim, "hop_s": extractor.hop_s, "columns": extractor.columns}
                write_json(about, {**extractor.identity(), **shape, "silence": silence})
        return ShardWriter(self.folder)

    def silence(self) -> np.ndarray:
        """Give the frame of digital silence, float32 [dim], as kept or else from the extractor."""
        kept = (self._facts() or {}).get("silence")
        if isinstance(kept, list) and len(kept) == self.extractor.dim:
            with contextlib.suppress(ValueError, TypeError):
                silence = np.array(kept, dtype=np.float32)  # [dim]
                if np.isfinite(silence).all():
                    return silence
        if kept is None:
            return self.extractor.silence()
        raise UserError(
            f"{self.folder / ABOUT}: silence: expected {self.extractor.dim} finite numbers, found others: "
            f"remove this file and make it again with: {REMAKE}"
        )

    def _facts(self) -> JsonObject | None:
        """Read what the folder says of itself; None where it says nothing; another feature is refused."""
        about = self.folder / ABOUT
        if not os.path.lexists(about):
            return None
        facts = read_json(about, made_by=REMAKE)
        identity = json.loads(json.dumps(self.extractor.identity()))
        if not isinstance(facts, dict) or any(facts.get(key) != value for key, value in identity.items()):
            raise UserError(
                f"{about}: expected {self.extractor.tag}, found another feature: "
                f"move {self.folder} away, or set SER_CACHE to another folder"
            )
        return facts

    def missing(self, keys: Iterable[str]) -> list[str]:
        """List the keys of which no copy is recorded, or only ones found bad, in the given order."""
        self._facts()
        self._refresh()
        return [key for key in dict.fromkeys(keys) if not self._candidates(key)]

    def verify(self, keys: Iterable[str] | None = None) -> list[str]:
        """Check the recorded copies of keys until a sound one is found.

        Arguments
        ---------
        keys : iterable of str, optional
            The keys to check, by default all that are recorded; those not recorded are passed over.

        Returns
        -------
        list of str
            Keys recorded of which no copy is sound; they are missing from now on.
        """
        self._refresh()
        asked = list(self._copies) if keys is None else list(dict.fromkeys(keys))
        return [key for key in asked if key in self._copies and self._find(key) is None]

    def get(self, key: str) -> np.ndarray:
        """Read the frames of a key; the first read of a copy checks it.

        Returns
        -------
        np.ndarray
            float32 [frames, dim], read-only, a view of the file.

        Raises
        ------
        UserError
            No sound copy is kept.
        """
        frames = self._find(key)
        if frames is None:
            self._facts()
            self._refresh()
            frames = self._find(key)
        if frames is None:
            state = "only a damaged one" if key in self._copies else "none"
            raise UserError(f"{self.folder}: expected an entry {key[:12]}, found {state}: make it with: {REMAKE}")
        return frames

    def _candidates(self, key: str) -> list[tuple[str, Entry]]:
        copies = self._copies.get(key, [])
        return [(shard, entry) for shard, entry in copies if (shard, entry.offset) not in self._bad]

    def _find(self, key: str) -> np.ndarray | None:
        """Give the frames of the first sound copy; drop the bad ones before it."""
        for shard, entry in self._candidates(key):
            place = (shard, entry.offset)
            frames = self._view(shard, entry)
            if frames is not None and (place in self._sound or checksum(frames) == entry.crc32):
                self._sound.add(place)
                return frames
            self._bad.add(place)
        return None

    def _view(self, shard: str, entry: Entry) -> np.ndarray | None:
        """Map the frames of an entry, or nothing where the file is cut off or gone."""
        frames, dim = entry.shape
        first = entry.offset // 4
        end = first + frames * dim
        mapped = self._maps.get(shard)
        if mapped is None or len(mapped) < end:
            path = data_path(self.folder, shard)
            try:
                size = path.stat().st_size // 4
                if size < end:
                    return None
                mapped = np.memmap(path, dtype="<f4", mode="r", shape=(size,))
            except OSError:
                return None
            self._maps[shard] = mapped
        return np.asarray(mapped[first:end]).reshape(frames, dim)  # [frames, dim]

    def _refresh(self) -> None:
        """Read the indexes that are new or have grown, in the order of their names."""
        changed = False
        for path in sorted(self.folder.glob("index-*.jsonl")):
            shard = path.stem.removeprefix("index-")
            try:
                status = path.stat()
                if self._indexes.get(shard) == (status.st_mtime_ns, status.st_size):
                    continue
                entries = read_index(path, self.extractor.dim)
            except OSError:
                continue
            self._indexes[shard] = (status.st_mtime_ns, status.st_size)
            changed = True
            for entry in entries:
                if (shard, entry) not in self._copies[entry.key]:
                    self._copies[entry.key].append((shard, entry))
        if changed:
            for copies in self._copies.values():
                copies.sort(key=lambda copy: (copy[0], copy[1].offset))
