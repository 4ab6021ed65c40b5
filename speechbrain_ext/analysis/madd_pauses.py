"""What MADD silences in EmoDB, compared with the pauses of the published phone labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speechbrain_ext.analysis.emodb_labels import PAUSE, Mark, scan_labels, stretches
from speechbrain_ext.corpora import emodb
from speechbrain_ext.features.madd import silent_samples
from speechbrain_ext.utils.errors import UserError

SAMPLE_RATE_HZ = 16000
UNLABELLED = ("skip", "pause", "speech")
SPEECH_CODE, PAUSE_CODE, SKIP_CODE = 0, 1, 2


@dataclass(frozen=True)
class FactorRow:
    """What one factor does, over the samples of all utterances together; precision is None where nothing counts."""

    factor: float
    zeroed: float
    precision: float | None
    recall: float
    f1: float


@dataclass(frozen=True)
class PauseComparison:
    """One reading of the labels: how much of it is pause, how loud, and a row for each factor.

    The levels are in dB relative to the complete utterance's: speech and pauses can only be separated where the
    pauses are far below the speech.
    """

    times: str
    utterances: int
    audio_s: float
    pause_s: float
    skipped_s: float
    pause_db: float
    speech_db: float
    rows: tuple[FactorRow, ...]

    @property
    def best(self) -> FactorRow:
        """The row of the greatest F1, of equal ones the least factor."""
        return max(self.rows, key=lambda row: (row.f1, -row.factor))


def load(root: str | Path, notes: list[str] | None = None) -> list[tuple[np.ndarray, list[Mark]]]:
    """Read the utterances that have both audio and labels.

    Arguments
    ---------
    root : str or Path
        A copy of EmoDB with `lablaut/`.
    notes : list of str or None
        Is given what is left out.

    Returns
    -------
    list of tuple
        float32 [samples] at 16 kHz and the marks, in the order of ids.

    Raises
    ------
    UserError
        Audio or labels are missing or broken.
    """
    utterances = emodb.scan(root)
    labels = scan_labels(root, notes)
    chosen = [item for item in utterances if item.id in labels]
    if not chosen:
        raise UserError(f"--corpus-root {root}: no label file belongs to a wav file: name a copy of EmoDB with labels")
    if notes is not None:
        without_audio = sorted(labels.keys() - {item.id for item in utterances})
        for names, what in (
            ([item.id for item in utterances if item.id not in labels], "utterances have no labels"),
            (without_audio, "labelled utterances have no audio"),
        ):
            if names:
                notes.append(f"{len(names)} {what} and are left out: first {names[0]}")
    return [(item.read_audio(root, SAMPLE_RATE_HZ), labels[item.id]) for item in chosen]


def compare(
    material: Sequence[tuple[np.ndarray, Sequence[Mark]]],
    factors: Sequence[float],
    times: str,
    window_samples: int = 400,
    floor: str = "nonzero",
    pauses: Sequence[str] = (PAUSE,),
    unlabelled: str = "skip",
) -> PauseComparison:
    """Compare, sample by sample, what MADD zeroes with what the labels call a pause.

    Precision is the part of the zeroed samples that are pause, recall the part of the pause that is zeroed, both
    over all utterances together. A pause counts wherever it stands, so also at the end of an utterance; the audio's
    cut cuts it. `zeroed` is the share of all samples.

    Arguments
    ---------
    material : sequence of tuple
        float32 [samples] at 16 kHz and the marks of each utterance, see `load`.
    factors : sequence of float
        Factors to try.
    times : str
        What a label's time means, "end" or "start", see `emodb_labels.stretches`.
    window_samples, floor
        As `madd` takes them.
    pauses : sequence of str
        Labels that are pauses.
    unlabelled : str
        What no label covers, before the first start or after the last end: "skip" leaves it out of precision and
        recall, "pause" and "speech" count it as such.

    Returns
    -------
    PauseComparison

    Raises
    ------
    UserError
        No label in the audio at hand is a pause.
    """
    if unlabelled not in UNLABELLED:
        raise ValueError(f"unlabelled: expected one of {', '.join(UNLABELLED)}, found {unlabelled!r}")
    codes = [_codes(len(signal), marks, times, pauses, UNLABELLED.index(unlabelled)) for signal, marks in material]
    counts = np.bincount(np.concatenate(codes), minlength=3)  # [code]
    if not counts[PAUSE_CODE]:
        raise UserError(f"--pauses {','.join(pauses)}: no such label within the audio: name others, such as {PAUSE}")
    rows = []
    for factor in sorted(factors):
        silent = np.zeros(3)  # [code]
        for (signal, _), code in zip(material, codes, strict=True):
            silent += np.bincount(code[silent_samples(signal, window_samples, factor, floor)], minlength=3)
        rows.append(_row(factor, silent, counts))
    energy = sum(_energy(signal, code) for (signal, _), code in zip(material, codes, strict=True))  # [code]
    with np.errstate(divide="ignore", invalid="ignore"):
        level_db = 10 * np.log10(energy / counts)  # [code]
    return PauseComparison(
        times=times,
        utterances=len(material),
        audio_s=counts.sum() / SAMPLE_RATE_HZ,
        pause_s=counts[PAUSE_CODE] / SAMPLE_RATE_HZ,
        skipped_s=counts[SKIP_CODE] / SAMPLE_RATE_HZ,
        pause_db=float(level_db[PAUSE_CODE]),
        speech_db=float(level_db[SPEECH_CODE]),
        rows=tuple(rows),
    )


def _codes(samples: int, marks: Sequence[Mark], times: str, pauses: Sequence[str], unlabelled: int) -> np.ndarray:
    """Code of each sample, [samples]; `unlabelled` counts in the order of UNLABELLED."""
    code_of_none = (SKIP_CODE, PAUSE_CODE, SPEECH_CODE)[unlabelled]
    codes = np.full(samples, SPEECH_CODE, dtype=np.int64)  # [samples]
    for stretch in stretches(marks, samples / SAMPLE_RATE_HZ, times):
        part = slice(round(stretch.start_s * SAMPLE_RATE_HZ), round(stretch.end_s * SAMPLE_RATE_HZ))
        if stretch.label is None:
            codes[part] = code_of_none
        elif stretch.label in pauses:
            codes[part] = PAUSE_CODE
    return codes


def _row(factor: float, silent: np.ndarray, counts: np.ndarray) -> FactorRow:
    """Make a factor's row from its zeroed samples and all samples, both [code]."""
    hits, alarms, missed = silent[PAUSE_CODE], silent[SPEECH_CODE], counts[PAUSE_CODE] - silent[PAUSE_CODE]
    return FactorRow(
        factor=float(factor),
        zeroed=float(silent.sum() / counts.sum()),
        precision=float(hits / (hits + alarms)) if hits + alarms else None,
        recall=float(hits / counts[PAUSE_CODE]),
        f1=float(2 * hits / (2 * hits + alarms + missed)),
    )


def _energy(signal: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Energy by code, [code], in units of the utterance's mean power."""
    power = np.square(signal, dtype=np.float64)  # [samples]
    return np.bincount(codes, weights=power, minlength=3) / max(power.mean(), np.finfo(np.float64).tiny)
