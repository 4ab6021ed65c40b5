"""Systems that predict dimensions compared from files: the words, the numbers behind them, and what is refused."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from report_folders import SPEAKERS, facts, fold_facts, plausible_results, plausible_rows, write_folder
from scipy.stats import t
from value_folders import DIMENSIONS, value_rows, write_value_run

from speechbrain_ext.evaluation.predictions import write_predictions
from speechbrain_ext.evaluation.results import make_results
from speechbrain_ext.evaluation.system_files import read_systems
from speechbrain_ext.evaluation.targets import Dimensions
from speechbrain_ext.report.comparison import compare_files
from speechbrain_ext.utils.errors import UserError

OF_VALUES = Dimensions(tuple(DIMENSIONS))


def write_values(path: Path, rows: list, names: Sequence[str] = DIMENSIONS) -> Path:
    """What someone else hands over of dimensions: id, and the predicted values in the order asked for."""
    places = [DIMENSIONS.index(name) for name in names]
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", *(f"predicted_{name}" for name in names)])
        writer.writerows([row.id, *(row.predicted[place] for place in places)] for row in rows)
    return path


def ccc(rows: list, place: int) -> float:
    """Lin 1989, equation 1."""
    truth, found = (np.array([getattr(row, name)[place] for row in rows]) for name in ("values", "predicted"))
    covariance = np.mean((truth - truth.mean()) * (found - found.mean()))
    return 2 * covariance / (truth.var() + found.var() + (truth.mean() - found.mean()) ** 2)


def better_values(share: float, place: int = 1) -> list:
    """The values of `value_rows`, but of one dimension nearer to the true ones by a share of the distance."""
    rows = []
    for row in value_rows():
        predicted = list(row.predicted)
        predicted[place] += share * (row.values[place] - predicted[place])
        rows.append(replace(row, predicted=tuple(predicted)))
    return rows


def test_dimensions_are_compared_by_the_ccc_of_each(tmp_path: Path) -> None:
    run, rows = write_value_run(tmp_path / "exp"), better_values(0.5)
    text = compare_files([run, write_values(tmp_path / "mine.csv", rows[::-1], DIMENSIONS[::-1])])
    first, second, third = text.splitlines()[:3]
    assert first.startswith("A and B have the same CCC of valence, p after Holm = 1.00, 10 speakers.")
    assert third.startswith("A and B have the same CCC of dominance")
    found = re.fullmatch(
        r"B is better by ([\d.]+) in CCC of activation \[([\d.]+), ([\d.]+)\], p after Holm = 0.006, 10 speakers\.",
        second,
    )
    own = [ccc(each, 1) for each in (value_rows(), rows)]
    deleted = []
    for speaker in SPEAKERS:
        kept = [[row for row in each if row.speaker != speaker] for each in (value_rows(), rows)]
        deleted.append(ccc(kept[1], 1) - ccc(kept[0], 1))
    half = t.ppf(0.975, 9) * np.sqrt(0.9 * np.sum((deleted - np.mean(deleted)) ** 2))
    difference = own[1] - own[0]
    expected = [difference, difference - half, difference + half]
    assert [float(value) for value in found.groups()] == pytest.approx(expected, abs=0.00051)
    assert "Family: 1 system against A by 3 dimensions; p is adjusted after Holm." in text
    shown = ", ".join(f"CCC of {name} {ccc(rows, place):.3f}" for place, name in enumerate(DIMENSIONS))
    assert f"B: mine.csv: {shown}" in text and "A: amsnet, dims (speaker, seed 1): CCC of valence" in text
    assert f"  CCC of activation: B - A = +{difference:.3f} [{difference - half:.3f}, " in text and "p = 0.002" in text
    assert f"Smallest difference that these speakers show: {half:.3f} in CCC of activation" in text
    assert "with 10 speakers the 95 % interval of a difference of CCC covers 95.2–95.5 %" in text
    assert not any(word in text for word in ("UAR", "McNemar", "Calibration", "points"))
    of_speaker = [[row for row in each if row.speaker == "08"] for each in (value_rows(), rows)]
    one, other = (ccc(each, 1) for each in of_speaker)
    section = text.split("CCC of activation of each speaker\n")[1].split("\n\n")[0]
    assert re.search(rf"^  08 +20 +{one:.3f} +{other:.3f} +\+{other - one:.3f}$", section, re.M)
    assert "CCC of dominance of each gender: the gender of the speakers is not known" in text
    of_speakers = [ccc([row for row in value_rows() if row.speaker == name], 1) for name in SPEAKERS]
    spread = text.split("Spread of CCC of activation (standard deviation, ddof 0)\n")[1].splitlines()[0]
    assert spread == f"  A: over speakers {np.std(of_speakers):.3f}, one seed"


def test_one_dimension_alone_is_no_family(tmp_path: Path) -> None:
    run = write_value_run(tmp_path / "exp", dimensions=["valence"])
    rows = value_rows(dimensions=1)
    nearer = [replace(row, predicted=(row.predicted[0] + 0.5 * (row.values[0] - row.predicted[0]),)) for row in rows]
    text = compare_files([run, write_values(tmp_path / "mine.csv", nearer, ["valence"])])
    assert re.match(r"B is better by [\d.]+ in CCC of valence .*, p = 0.002, 10 speakers\.\n", text)
    assert "Holm" not in text


def test_dimensions_in_another_order_are_the_same_dimensions(tmp_path: Path) -> None:
    run, turned = write_value_run(tmp_path / "exp"), tmp_path / "turned.csv"
    rows = [replace(row, values=row.values[::-1], predicted=row.predicted[::-1]) for row in value_rows()]
    write_predictions(turned, rows, Dimensions(OF_VALUES.names[::-1]))
    found = read_systems([run, turned])
    assert found.systems[0].seeds == found.systems[1].seeds and found.systems[1].target == OF_VALUES
    assert compare_files([run, turned]).startswith("A and B have the same CCC of valence")


def test_the_ccc_of_several_seeds_is_their_mean(tmp_path: Path) -> None:
    for seed in (1, 2):
        rows = [replace(row, values=old.values) for row, old in zip(value_rows(seed), value_rows(), strict=True)]
        results = make_results(rows, facts(OF_VALUES, row="dims", seed=seed), fold_facts(rows))
        run = write_folder(tmp_path / "exp", results, rows)
    text = compare_files([run.parent, write_values(tmp_path / "mine.csv", better_values(0.9))])
    mean = np.mean([ccc(rows, 0), ccc(value_rows(), 0)])
    assert f"A: amsnet, dims (speaker, seeds 1, 2): CCC of valence {mean:.3f}, " in text and "mean of 2 seeds" in text
    assert f"over seeds {np.std([ccc(rows, 0), ccc(value_rows(), 0)]):.3f}" in text


def spoilt_values(kind: str, tmp_path: Path) -> Path:
    """A side that cannot be compared with a run on dimensions."""
    rows, mine = value_rows(), tmp_path / "mine.csv"
    if kind == "other values":
        write_predictions(mine, [replace(rows[0], values=(9.0, *rows[0].values[1:])), *rows[1:]], OF_VALUES)
    elif kind == "other dimensions":
        short = [replace(row, values=row.values[:2], predicted=row.predicted[:2]) for row in rows]
        write_predictions(mine, short, Dimensions(OF_VALUES.names[:2]))
    elif kind == "columns of dimensions":
        write_values(mine, rows, OF_VALUES.names[:1])
    elif kind == "classes of dimensions":
        mine.write_text("id,prediction\n" + "".join(f"{row.id},anger\n" for row in rows))
    else:
        write_values(mine, [replace(rows[0], predicted=(np.inf, 1.0, 1.0)), *rows[1:]])
    return mine


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("values of classes", "expected the column prediction, as the other side has classes, found values"),
        ("other values", "03a000: expected the true values .*, found 9.0, "),
        (
            "other dimensions",
            "expected the dimensions valence, activation, dominance of .*, found the dimensions valence",
        ),
        ("columns of dimensions", "expected the columns id,predicted_valence,.*, found id,predicted_valence"),
        ("classes of dimensions", "expected the columns id,predicted_valence,.*, found id,prediction"),
        ("no finite value", "03a000: expected finite values, found others"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(kind: str, message: str, tmp_path: Path) -> None:
    if kind == "values of classes":
        sides = [write_folder(tmp_path / "exp", plausible_results(), plausible_rows()), tmp_path / "mine.csv"]
        sides[1].write_text("id,predicted_valence\n" + "".join(f"{row.id},1\n" for row in plausible_rows()))
    else:
        sides = [write_value_run(tmp_path / "v"), spoilt_values(kind, tmp_path)]
    with pytest.raises(UserError, match=message) as fault:
        compare_files(sides)
    assert "\n" not in str(fault.value)
