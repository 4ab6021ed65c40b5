"""Compare what MADD silences in EmoDB with the pauses of the published phone labels, factor by factor."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from speechbrain_ext.bin.options import PICTURES, OptionParser, check_pictures, whole_number
from speechbrain_ext.utils.errors import UsageError, UserError

if TYPE_CHECKING:
    from speechbrain_ext.analysis.madd_pauses import FactorRow, PauseComparison

FACTORS = "1.5,2,2.5,3,4,5,6,8,10,12,15,20,25,30,40,60"
COLUMNS = ("times", "factor", "zeroed", "precision", "recall", "f1")


def parser() -> OptionParser:
    """Build the command line."""
    top = OptionParser(
        prog="python -m speechbrain_ext.bin.madd",
        description=__doc__,
        epilog="The published files do not say whether a label's time is its end or its start. Both readings are "
        "shown with the level of the pauses: the right one has pauses far below the speech.",
    )
    top.add_argument("--corpus-root", type=Path, metavar="DIR", help="copy of EmoDB with lablaut/ (or EMODB_ROOT)")
    top.add_argument("--factors", type=factor_list, default=FACTORS, metavar="LIST", help="default: %(default)s")
    top.add_argument("--window-samples", type=whole_number(1), default=400, metavar="N", help="default: 400")
    top.add_argument("--floor", choices=("nonzero", "all"), default="nonzero", help="default: nonzero")
    top.add_argument("--label-times", choices=("end", "start", "both"), default="both", help="default: both")
    top.add_argument("--pauses", default=".", metavar="LIST", help="labels that are pauses, by comma (default: .)")
    top.add_argument(
        "--unlabelled",
        choices=("skip", "pause", "speech"),
        default="skip",
        help="how the stretch counts that no label covers, before the first or after the last (default: left out)",
    )
    top.add_argument("--out", type=Path, action="append", default=[], metavar="FILE", help=".csv, .png or .pdf; again")
    return top


def factor_list(text: str) -> list[float]:
    """Read factors, for argparse.

    Example
    -------
    >>> factor_list("1.5,2")
    [1.5, 2.0]
    """
    try:
        factors = [float(part) for part in text.split(",")]
    except ValueError:
        factors = [math.nan]
    if not all(0 <= factor < math.inf for factor in factors):
        raise argparse.ArgumentTypeError(f"expected numbers from 0 on with commas between them, found {text!r}")
    return sorted(set(factors))


def main(argv: Sequence[str] | None = None) -> None:
    """Print a table for each reading of the labels, and write what is asked for.

    Arguments
    ---------
    argv : sequence of str
        The command line; by default the process's own.
    """
    options = parser().parse_args(argv)
    root = options.corpus_root or os.environ.get("EMODB_ROOT")
    if not root:
        raise UsageError("--corpus-root: expected a copy of EmoDB, found none: give --corpus-root DIR or EMODB_ROOT")
    check_pictures(options.out, (".csv", *PICTURES))
    from speechbrain_ext.analysis.madd_pauses import compare, load
    from speechbrain_ext.corpora.manifest import CorpusFaults

    notes: list[str] = []
    try:
        material = load(root, notes)
    except CorpusFaults as found:
        for fault in found.faults:
            print(f"{fault.file}: found {fault.found}, expected {fault.expected}", file=sys.stderr)
        raise UserError(f"{len(found.faults)} faults in {root}: mend or remove these files, run again") from None
    for note in notes:
        print(f"note: {note}")
    readings = ("end", "start") if options.label_times == "both" else (options.label_times,)
    pauses = options.pauses.split(",")
    rest = (options.window_samples, options.floor, pauses, options.unlabelled)
    comparisons = [compare(material, options.factors, times, *rest) for times in readings]
    for found in comparisons:
        print(f"\n{table(found)}")
    _write(comparisons, options.out)


def table(found: PauseComparison) -> str:
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
            from speechbrain_ext.utils.files import write_text

            rows = [_csv_row(found.times, row) for found in comparisons for row in found.rows]
            write_text(path, "\n".join([",".join(COLUMNS), *rows]) + "\n")
        else:
            from speechbrain_ext.analysis.madd_figure import madd_figure

            first = comparisons[0]
            madd_figure(comparisons, path, f"EmoDB ({first.utterances} utterances, {first.audio_s / 3600:.2f} h)")
        print(f"wrote {path}")


def _csv_row(times: str, row: FactorRow) -> str:
    values = (row.factor, row.zeroed, row.precision, row.recall, row.f1)
    return ",".join([times, *("" if value is None else repr(value) for value in values)])


if __name__ == "__main__":
    from speechbrain_ext.bin.main_guard import run

    run(main)
