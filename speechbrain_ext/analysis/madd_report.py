"""Compares what MADD silences in EmoDB with the pauses of the published phone labels: tables, CSV and figure."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from speechbrain_ext.analysis.madd_figure import build_madd
from speechbrain_ext.analysis.madd_pauses import FactorRow, PauseComparison, compare, load
from speechbrain_ext.corpora.manifest import CorpusFaults
from speechbrain_ext.report.figures.drawing import draw_file
from speechbrain_ext.utils.errors import UsageError, UserError
from speechbrain_ext.utils.files import write_text
from speechbrain_ext.utils.pictures import PICTURES, check_pictures

COLUMNS = ("times", "factor", "zeroed", "precision", "recall", "f1")


@dataclass(frozen=True)
class MaddRequest:
    """What is compared.

    Attributes
    ----------
    corpus_root : str
        A copy of EmoDB with `lablaut/`; "" for EMODB_ROOT.
    factors : sequence of float
        Factors of MADD's threshold.
    window_samples, floor, unlabelled
        As for `speechbrain_ext.analysis.madd_pauses.compare`.
    times : str
        How times of labels are read: end, start or both.
    pauses : sequence of str
        Labels that are pauses.
    out : sequence of Path
        Files to write: .csv, .png, .pdf.
    """

    corpus_root: str
    factors: Sequence[float]
    window_samples: int
    floor: str
    times: str
    pauses: Sequence[str]
    unlabelled: str
    out: Sequence[Path] = ()


def compare_pauses(request: MaddRequest) -> None:
    """Print a table for each reading of the labels, and write what is asked for.

    Raises
    ------
    UserError
        Audio or labels are missing or broken.
    """
    root = request.corpus_root or os.environ.get("EMODB_ROOT")
    if not root:
        raise UsageError("--corpus-root: expected a copy of EmoDB, found none: give --corpus-root DIR or EMODB_ROOT")
    check_pictures(request.out, (".csv", *PICTURES))
    notes: list[str] = []
    try:
        material = load(root, notes)
    except CorpusFaults as found:
        for fault in found.faults:
            print(f"{fault.file}: found {fault.found}, expected {fault.expected}", file=sys.stderr)
        raise UserError(f"{len(found.faults)} faults in {root}: mend or remove these files, run again") from None
    for note in notes:
        print(f"note: {note}")
    readings = ("end", "start") if request.times == "both" else (request.times,)
    rest = (request.window_samples, request.floor, request.pauses, request.unlabelled)
    comparisons = [compare(material, request.factors, times, *rest) for times in readings]
    for comparison in comparisons:
        print(f"\n{table_text(comparison)}")
    _write(comparisons, request.out)


def table_text(found: PauseComparison) -> str:
    """Give a reading's table as text, its best row marked."""
    lines = [
        f"label times read as {found.times}s: {found.utterances} utterances, {found.audio_s:.1f} s, "
        f"pauses {found.pause_s:.1f} s at {found.pause_db:.1f} dB, the rest at {found.speech_db:.1f} dB, "
        f"{found.skipped_s:.1f} s left out",
        f"{'factor':>8}{'zeroed %':>10}{'precision %':>13}{'recall %':>10}{'F1 %':>8}",
    ]
    for row in found.rows:
        precision = "-" if row.precision is None else f"{100 * row.precision:.1f}"
        mark = "  best F1" if row is found.best else ""
        cells = f"{row.factor:>8g}{100 * row.zeroed:>10.2f}{precision:>13}"
        lines.append(f"{cells}{100 * row.recall:>10.1f}{100 * row.f1:>8.1f}{mark}")
    return "\n".join(lines)


def _write(comparisons: Sequence[PauseComparison], paths: Sequence[Path]) -> None:
    for path in paths:
        if path.suffix.lower() == ".csv":
            rows = [_csv_row(found.times, row) for found in comparisons for row in found.rows]
            write_text(path, "\n".join([",".join(COLUMNS), *rows]) + "\n")
        else:
            first = comparisons[0]
            corpus = f"EmoDB ({first.utterances} utterances, {first.audio_s / 3600:.2f} h)"
            draw_file(path, build_madd, comparisons, corpus)
        print(f"wrote {path}")


def _csv_row(times: str, row: FactorRow) -> str:
    values = (row.factor, row.zeroed, row.precision, row.recall, row.f1)
    return ",".join([times, *("" if value is None else repr(value) for value in values)])
