"""The Utterance record of every corpus: written, read, measured and validated."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from tqdm import tqdm

from speechbrain_ext.corpora.utterance_fields import check_fields
from speechbrain_ext.utils import audio
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.json_values import JsonObject
from speechbrain_ext.utils.regular_file import NotRegularFile, read_regular


@dataclass
class Vote:
    """What one annotator said: labels in the annotator's order, valence, arousal, dominance."""

    rater: str
    labels: list[str]
    secondary: list[str] = field(default_factory=list)
    vad: list[float | None] | None = None


@dataclass(kw_only=True)
class Utterance:
    """One utterance of a corpus; unknown fields are None.

    `wav` is relative to the corpus's root, `speaker` is unique in the corpus, `label` is the consensus and
    `intended` the emotion asked for. `scan` leaves sample_rate_hz, num_samples and sha256 None, `measure` fills them.
    """

    id: str
    corpus: str
    wav: str
    start_s: float | None = None
    end_s: float | None = None
    sample_rate_hz: int | None = None
    num_samples: int | None = None
    sha256: str | None = None
    speaker: str
    gender: str | None = None
    session: str | None = None
    text_id: str | None = None
    scenario: str | None = None
    part: str | None = None
    label: str | None = None
    intended: str | None = None
    votes: list[Vote] = field(default_factory=list)
    vad: list[float | None] | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def duration_s(self) -> float | None:
        """Length in seconds; None when it is not measured."""
        return self.num_samples / self.sample_rate_hz if self.num_samples is not None and self.sample_rate_hz else None

    def read_audio(self, root: str | Path, sample_rate_hz: int = 16000) -> np.ndarray:
        """Read the audio: the mean of its channels, resampled where its rate differs.

        Arguments
        ---------
        root : str or Path
            The corpus's folder.
        sample_rate_hz : int
            The rate of what is returned.

        Returns
        -------
        numpy.ndarray
            float32 [samples].

        Raises
        ------
        UserError
            The file cannot be read, or its samples are not those that stage 0 measured.
        """
        path = Path(root) / self.wav
        try:
            samples, rate_hz = audio.read_samples(path, self.start_s, self.end_s)
        except (OSError, soundfile.SoundFileError) as fault:
            raise UserError(
                f"{path}: cannot be read ({fault}): check the corpus's folder and run stage 0 again"
            ) from None
        if self.sha256 is not None and audio.hash_samples(samples, rate_hz) != self.sha256:
            raise UserError(
                f"{path}: other samples than stage 0 measured (their SHA-256 differs): restore the file, or accept "
                "the new one with: ./run.sh --stage 0 --stop-stage 0 --force"
            )
        mono = audio.mix_down(samples)  # [samples]
        if rate_hz == sample_rate_hz:
            return np.ascontiguousarray(mono)
        return audio.resample(mono, rate_hz, sample_rate_hz)  # [samples at the new rate]

    @property
    def audio_sha256(self) -> str:
        """The hash of the audio, which names its features.

        Raises
        ------
        UserError
            Stage 0 has not read the audio.
        """
        if self.sha256 is None:
            raise UserError(f"{self.wav}: the audio is not hashed: run stage 0 again without --no-audio-check")
        return self.sha256

    def to_dict(self) -> JsonObject:
        """Give the record as plain values, in the order of the manifest."""
        return asdict(self)

    @classmethod
    def from_dict(cls, record: Any) -> Utterance:
        """Make the record from plain values.

        Raises
        ------
        ValueError
            A field is missing, unknown or of a wrong kind.
        """
        names = {item.name for item in fields(cls)}
        if not isinstance(record, dict):
            raise ValueError(f"expected an object, found {type(record).__name__}")
        if record.keys() != names:
            wrong = sorted(record.keys() ^ names)
            raise ValueError(f"missing or unknown fields: {', '.join(wrong)}")
        check_fields(record)
        try:
            votes = [Vote(**vote) for vote in record["votes"]]
        except TypeError as fault:
            raise ValueError(f"votes: {fault}") from None
        return cls(**{**record, "votes": votes})


@dataclass(frozen=True)
class Fault:
    """One thing wrong in a corpus: the file, what was found there, what was expected."""

    file: str
    found: str
    expected: str


class CorpusFaults(UserError):
    """All that is wrong in a corpus, and the utterances that are right.

    Arguments
    ---------
    faults : list of Fault
        All faults.
    utterances : list of Utterance
        The rest of the corpus, so that a reader can look for more faults there.
    more_wavs : tuple of str
        Audio files of utterances whose labels are wrong, for the same purpose.
    notes : tuple of str
        Oddities that are no faults.
    """

    def __init__(
        self,
        faults: list[Fault],
        utterances: list[Utterance],
        more_wavs: tuple[str, ...] = (),
        notes: tuple[str, ...] = (),
    ) -> None:
        first = faults[0]
        super().__init__(
            f"{len(faults)} faults, the first is {first.file}: found {first.found}, expected {first.expected}: "
            "mend or remove these files and run the command again"
        )
        self.faults = faults
        self.utterances = utterances
        self.more_wavs = more_wavs
        self.notes = notes


def manifest_text(utterances: Iterable[Utterance]) -> str:
    """Give the manifest's text: one JSON object a line, sorted by id.

    Raises
    ------
    UserError
        Two utterances have one id.
    """
    ordered = sorted(utterances, key=lambda utterance: utterance.id)
    for left, right in zip(ordered, ordered[1:], strict=False):
        if left.id == right.id:
            raise UserError(f"{left.wav} and {right.wav} have one id, {left.id}: rename or remove one of them")
    lines = (json.dumps(item.to_dict(), ensure_ascii=False, allow_nan=False) for item in ordered)
    return "".join(line + "\n" for line in lines)


def read_manifest(path: str | Path) -> list[Utterance]:
    """Read the utterances of a manifest, in the order of the file.

    Raises
    ------
    UserError
        The file is missing, or one of its lines is broken; the line is named.
    """
    again = "make it again with: python -m speechbrain_ext.bin.prepare --force"
    try:
        lines = read_regular(path).decode("utf-8").split("\n")
    except FileNotFoundError:
        raise UserError(f"missing {path}: make it with stage 0: python -m speechbrain_ext.bin.prepare") from None
    except (UnicodeDecodeError, NotRegularFile) as fault:
        raise UserError(f"{path}: not UTF-8 ({fault}): {again}") from None
    utterances, seen = [], set()
    for number, line in enumerate(lines[:-1], start=1):
        try:
            utterance = Utterance.from_dict(json.loads(line))
            if utterance.id in seen:
                raise ValueError(f"the id {utterance.id} a second time")
        except (ValueError, RecursionError) as fault:
            raise UserError(f"{path} line {number}: {fault}: {again}") from None
        seen.add(utterance.id)
        utterances.append(utterance)
    if lines[-1]:
        raise UserError(f"{path} line {len(lines)}: cut off, no end of line: {again}")
    return utterances


def measure(
    utterances: Sequence[Utterance], root: str | Path, jobs: int = 1, check_audio: bool = True
) -> tuple[list[Utterance], list[Fault], list[str]]:
    """Read every file once: fill rate, length and hash, and collect all faults.

    Arguments
    ---------
    utterances : sequence of Utterance
        What `scan` gave.
    root : str or Path
        The corpus's folder.
    jobs : int
        Threads that read.
    check_audio : bool
        False leaves the audio alone, and the three fields None.

    Returns
    -------
    measured : list of Utterance
        New records, in the order given; those of faulty files are unmeasured.
    faults : list of Fault
        One for each faulty file.
    notes : list of str
        What is done to sound that is not 16 kHz mono.
    """
    if not check_audio:
        return list(utterances), [], ["the audio was not read: no rate, length or hash is known"]
    with ThreadPoolExecutor(max_workers=max(1, min(jobs, len(utterances)))) as pool:
        work = pool.map(_measure_one(Path(root)), utterances)
        results = list(tqdm(work, desc="audio", total=len(utterances), unit="file", delay=2, leave=False))
    measured = [utterance for utterance, _ in results]
    faults = [fault for _, fault in results if fault is not None]
    return measured, faults, _notes(measured)


def _measure_one(root: Path) -> Callable[[Utterance], tuple[Utterance, Fault | None]]:
    def read(utterance: Utterance) -> tuple[Utterance, Fault | None]:
        path = root / utterance.wav
        try:
            fault = audio.fault_of_file(path)
            if fault is None:
                samples, rate_hz = audio.read_samples(path, utterance.start_s, utterance.end_s)
                fault = audio.fault_of_samples(samples, rate_hz)
                fault = fault or audio.fault_of_end(len(samples), rate_hz, utterance.start_s, utterance.end_s)
                if fault is None and utterance.start_s is utterance.end_s is None:
                    fault = audio.fault_of_length(path, len(samples))
        except NotRegularFile as error:
            fault = audio.AudioFault(error.kind, "a regular file")
        except UnicodeEncodeError:
            return utterance, Fault(ascii(utterance.wav), "a name that is not UTF-8", "a name in UTF-8")
        except (OSError, soundfile.SoundFileError) as error:
            reason = getattr(error, "strerror", None) or str(error).split(": ")[-1]
            fault = audio.AudioFault(f"unreadable: {reason}", "audio that libsndfile reads")
        if fault is not None:
            where = utterance.wav if utterance.start_s is None else f"{utterance.wav} ({utterance.id})"
            return utterance, Fault(where, fault.found, fault.expected)
        channels = samples.shape[1]
        extra = utterance.extra if channels == 1 else {**utterance.extra, "channels": channels}
        sha256 = audio.hash_samples(samples, rate_hz)
        size = len(samples)
        return replace(utterance, sample_rate_hz=rate_hz, num_samples=size, sha256=sha256, extra=extra), None

    return read


def _notes(measured: Sequence[Utterance]) -> list[str]:
    notes = []
    mixed = [item for item in measured if "channels" in item.extra]
    if mixed:
        notes.append(f"{len(mixed)} files have several channels and are mixed down to mono: first {mixed[0].wav}")
    rates_hz = [item.sample_rate_hz for item in measured if item.sample_rate_hz is not None]
    for rate_hz in sorted(set(rates_hz) - {16000}):
        notes.append(f"{rates_hz.count(rate_hz)} files have {rate_hz} Hz and are resampled once, in stage 1")
    return notes
