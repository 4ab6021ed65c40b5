"""Systems compared from files: the words, the numbers behind them, and what is refused."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from data_folders import write_data
from report_folders import CLASSES, SPEAKERS, TARGET, facts, fold_facts, plausible_rows, write_folder
from scipy.stats import binomtest, t
from sklearn.metrics import log_loss, recall_score
from value_folders import DIMENSIONS, value_rows, write_value_run

from speechbrain_ext.bin.compare import main
from speechbrain_ext.corpora.manifest import Utterance, Vote
from speechbrain_ext.evaluation.predictions import write_predictions
from speechbrain_ext.evaluation.results import make_results
from speechbrain_ext.evaluation.statistics import annotators, by_gender, calibration
from speechbrain_ext.evaluation.system_files import read_systems
from speechbrain_ext.evaluation.targets import Dimensions
from speechbrain_ext.metrics.vote_divergence import vote_divergence
from speechbrain_ext.report.comparison import compare_files
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import sha256_file

OF_VALUES = Dimensions(tuple(DIMENSIONS))


def write_values(path: Path, rows: list, names: Sequence[str] = DIMENSIONS) -> Path:
    """What someone else hands over of dimensions: id, and the predicted values in the order asked for."""
    places = [DIMENSIONS.index(name) for name in names]
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", *(f"predicted_{name}" for name in names)])
        writer.writerows([row.id, *(row.predicted[place] for place in places)] for row in rows)
    return path


def rows_of(weak: float = 0.0, seed: int = 0, speaker: str = "") -> list:
    """The same utterances each time; a share of them is recognised as the next class."""
    generator, rows = np.random.default_rng(seed), []
    for row in plausible_rows():
        found = row.prediction
        if generator.random() < weak and (not speaker or row.speaker == speaker):
            found = CLASSES[(CLASSES.index(row.label) + 1) % len(CLASSES)]
        rows.append(replace(row, prediction=found))
    return rows


def write_system(tmp_path: Path, rows: list, **changes) -> Path:
    results = make_results(rows, facts(**changes), fold_facts(rows))
    return write_folder(tmp_path / "exp", results, rows)


def write_csv(path: Path, rows: list, classes: list[str] | None = None, head: list[str] | None = None) -> Path:
    """What someone else hands over: id, prediction, and posteriors in the order asked for."""
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(head or ["id", "prediction", *(f"p_{name}" for name in classes or [])])
        for row in rows:
            shares = [row.posteriors[CLASSES.index(name)] for name in classes or []]
            writer.writerow([row.id, row.prediction, *shares])
    return path


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_system(tmp_path, rows_of(0.3, 1))


def uar(rows: list) -> float:
    truth, found = [row.label for row in rows], [row.prediction for row in rows]
    return recall_score(truth, found, average="macro", labels=sorted(set(truth)), zero_division=0)


def test_the_words_say_what_scikit_learn_and_scipy_compute(run: Path, tmp_path: Path, capsys) -> None:
    first, second = rows_of(0.3, 1), rows_of(0.05, 2)
    main([str(run), str(write_csv(tmp_path / "mine.csv", second[::-1]))])
    text = capsys.readouterr().out
    found = re.match(
        r"B is better by ([\d.]+) points of UAR \[([\d.]+), ([\d.]+)\], p = ([\d.]+), 10 speakers\.\n", text
    )
    difference = uar(second) - uar(first)
    deleted = []
    for speaker in SPEAKERS:
        deleted.append(
            uar([r for r in second if r.speaker != speaker]) - uar([r for r in first if r.speaker != speaker])
        )
    half = t.ppf(0.975, 9) * np.sqrt(0.9 * np.sum((deleted - np.mean(deleted)) ** 2))
    expected = [100 * value for value in (difference, difference - half, difference + half)]
    assert [float(value) for value in found.groups()[:3]] == pytest.approx(expected, abs=0.051)
    assert f"Smallest difference that these speakers show: {100 * half:.2f} points" in text
    assert "Smallest p that 10 speakers can give: 0.002 (all 1024 swaps)" in text
    assert f"A: amsnet (speaker, seed 1): UAR {100 * uar(first):.2f}, WA" in text
    assert f"B: mine.csv: UAR {100 * uar(second):.2f}, WA" in text
    pairs = list(zip(first, second, strict=True))
    b = sum(x.prediction == x.label != y.prediction for x, y in pairs)
    c = sum(y.prediction == y.label != x.prediction for x, y in pairs)
    counts = r"A right (\d+), only B right (\d+), p = (\S+)\."
    mcnemar = re.search(rf"If utterances were independent.*nothing is decided by this.*{counts}", text)
    assert (int(mcnemar[1]), int(mcnemar[2])) == (b, c) and c > b
    assert float(mcnemar[3]) == pytest.approx(binomtest(b, b + c).pvalue, rel=0.1)
    for speaker in SPEAKERS:
        own = [uar([row for row in rows if row.speaker == speaker]) for rows in (first, second)]
        [line] = re.findall(rf"^  {speaker} .*$", text, re.M)
        assert line.split()[2:] == [*(f"{100 * one:.2f}" for one in own), f"{100 * (own[1] - own[0]):+.2f}"]
    posteriors, truth = [row.posteriors for row in first], [CLASSES.index(row.label) for row in first]
    nll = log_loss(truth, posteriors, labels=range(7))
    assert re.search(rf"^  A  +[\d.]+  +{nll:.4f}  ", text, re.M) and re.search(r"^  B  +–  +–  +–$", text, re.M)
    assert "gender of the speakers is not known" in text and "Holm" not in text


def test_the_better_side_comes_first_and_chance_is_called_chance(run: Path, tmp_path: Path) -> None:
    good, bad = write_csv(tmp_path / "good.csv", rows_of(0.05, 2)), run
    assert compare_files([good, bad]).startswith("A is better by ")
    same = compare_files([bad, write_csv(tmp_path / "same.csv", rows_of(0.3, 1))])
    assert same.startswith("A and B have the same UAR, p = 1.00, 10 speakers.")
    near = compare_files([bad, write_csv(tmp_path / "near.csv", rows_of(0.3, 4))])
    assert re.match(r"[AB] is ahead by .*: this does not show that [AB] is better than [AB]\.\n", near)


def test_posteriors_are_found_by_the_names_of_their_columns(run: Path, tmp_path: Path) -> None:
    mine = write_csv(tmp_path / "mine.csv", rows_of(0.3, 1), CLASSES[::-1])
    found = read_systems([run, mine])
    assert found.systems[0].seeds[0] == found.systems[1].seeds[0]
    assert calibration(found.systems[1], {}) == calibration(found.systems[0], {})


def test_classes_in_another_order_are_the_same_classes(run: Path, tmp_path: Path) -> None:
    target = replace(TARGET, names=tuple(CLASSES[::-1]))
    rows = [replace(row, posteriors=row.posteriors[::-1]) for row in rows_of(0.3, 1)]
    write_predictions(tmp_path / "other.csv", rows, target)
    found = read_systems([run, tmp_path / "other.csv"])
    assert found.systems[1].target == TARGET
    assert found.systems[0].seeds[0] == found.systems[1].seeds[0]


def test_several_systems_are_a_family(run: Path, tmp_path: Path) -> None:
    paths = [write_csv(tmp_path / f"{seed}.csv", rows_of(0.15, seed)) for seed in (2, 3, 5)]
    text = compare_files([run, *paths])
    alone = [float(re.search(r"UAR: B - A.*p = ([\d.]+)", compare_files([run, path]))[1]) for path in paths]
    shown = [float(p) for p in re.findall(r"p after Holm = ([\d.]+)", text)]
    order = np.argsort(alone)
    expected = np.maximum.accumulate(np.minimum(1, np.array(alone)[order] * [3, 2, 1]))
    assert np.array(shown)[order] == pytest.approx(expected, abs=0.016)
    assert "Family: 3 systems against A; p is adjusted after Holm." in text and "D against A" in text


def test_seeds_are_averaged_before_speakers_are_tested(run: Path, tmp_path: Path) -> None:
    write_system(tmp_path, rows_of(0.2, 7), seed=2)
    other = write_csv(tmp_path / "other.csv", rows_of(0.05, 2))
    text = compare_files([run.parent, other])
    mean = (uar(rows_of(0.3, 1)) + uar(rows_of(0.2, 7))) / 2
    assert f"A: amsnet (speaker, seeds 1, 2): UAR {100 * mean:.2f}" in text and "mean of 2 seeds" in text
    spread = 100 * np.std([uar(rows_of(0.3, 1)), uar(rows_of(0.2, 7))])
    assert f"over seeds {spread:.2f}" in text and "B: over speakers" in text and "one seed" in text
    assert "10 speakers" in text.splitlines()[0] and "McNemar" not in text
    assert f"by {100 * (uar(rows_of(0.05, 2)) - mean):.1f} points" in text


def test_genders_and_votes_come_from_the_runs_manifest(tmp_path: Path) -> None:
    rows = rows_of(0.3, 1)
    utterances = [
        Utterance(
            id=row.id,
            corpus="EmoDB",
            wav=f"{row.id}.wav",
            speaker=row.speaker,
            gender="FM"[SPEAKERS.index(row.speaker) % 2],
            label=row.label,
            votes=[Vote("a", [row.label]), Vote("b", [row.label]), Vote("c", [CLASSES[place % 7]])],
        )
        for place, row in enumerate(sorted(rows, key=lambda row: row.id))
    ]
    data = tmp_path / "data" / "EmoDB-real"
    write_data(data, utterances)
    run = write_system(tmp_path, rows, manifest_sha256=sha256_file(data / "manifest.jsonl"))
    other = write_csv(tmp_path / "other.csv", rows_of(0.05, 2))
    text = compare_files([run, other])
    women = [row for row in rows if SPEAKERS.index(row.speaker) % 2 == 0]
    men = [row for row in rows if SPEAKERS.index(row.speaker) % 2]
    [female] = re.findall(r"^  female .*$", text, re.M)
    assert female.split()[1:3] == [str(len(women)), f"{100 * uar(women):.2f}"]
    after = text[text.index("UAR of each gender") :]
    assert re.search(rf"^  gap +{100 * abs(uar(women) - uar(men)):.2f} ", after, re.M)
    found = read_systems([run, other])
    counts = []
    for place, row in enumerate(sorted(rows, key=lambda row: row.id)):
        counts.append(2 * np.eye(7)[CLASSES.index(row.label)] + np.eye(7)[place % 7])
    ordered = sorted(rows, key=lambda row: row.id)
    expected = vote_divergence(counts, np.array([row.posteriors for row in ordered]))
    assert calibration(found.systems[0], found.votes).votes == expected
    people = annotators(found.systems[0], found.votes)
    assert people.n == 3 * len(rows)
    assert re.search(rf"^  annotator +– +– +– +{people.kl:.3f} +{people.js:.3f}$", text, re.M)
    # A manifest that the run was not made from is left alone.
    write_data(data, utterances[1:])
    assert read_systems([run, other]).votes == {}


def test_a_gender_that_is_partly_known_gives_no_groups(run: Path, tmp_path: Path) -> None:
    systems = read_systems([run, write_csv(tmp_path / "o.csv", rows_of())]).systems
    known = {speaker: "FM"[number % 2] for number, speaker in enumerate(SPEAKERS)}
    assert [group.name for group in by_gender(systems, known)] == ["F", "M"]
    assert by_gender(systems, dict(list(known.items())[1:])) == []
    assert by_gender(systems, dict.fromkeys(SPEAKERS, "F")) == []


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


def spoilt(kind: str, run: Path, tmp_path: Path) -> list[Path]:
    """Paths of two sides that cannot be compared."""
    rows = rows_of(0.05, 2)
    mine = tmp_path / "mine.csv"
    if kind == "other utterances":
        return [run, write_csv(mine, [replace(rows[0], id="zz1"), *rows[5:]])]
    if kind == "more utterances":
        return [run, write_csv(mine, [*rows, replace(rows[0], id="zz1")])]
    if kind == "other classes":
        short = replace(TARGET, names=(*CLASSES[:-1], "surprise"))
        names = {"sadness": "surprise"}
        renamed = []
        for row in rows:
            label, prediction = (names.get(name, name) for name in (row.label, row.prediction))
            renamed.append(replace(row, label=label, prediction=prediction))
        write_predictions(mine, renamed, short)
        return [run, mine]
    if kind == "unknown class":
        return [run, write_csv(mine, [replace(rows[0], prediction="angr"), *rows[1:]])]
    if kind == "twice":
        return [run, write_csv(mine, [*rows, rows[3]])]
    if kind == "two strangers":
        return [write_csv(mine, rows), write_csv(tmp_path / "other.csv", rows)]
    if kind == "one speaker":
        alone = [row for row in rows if row.speaker == "03"]
        return [write_system(tmp_path / "b", alone), write_csv(mine, alone)]
    if kind == "columns":
        return [run, write_csv(mine, rows, head=["name", "prediction"])]
    if kind == "posteriors of some classes":
        return [run, write_csv(mine, rows, CLASSES[:3])]
    if kind == "other labels":
        return [run, write_system(tmp_path / "b", [replace(rows[0], label="disgust"), *rows[1:]])]
    if kind == "other speakers":
        return [run, write_system(tmp_path / "b", [replace(rows[0], speaker="08"), *rows[1:]])]
    if kind == "no number":
        path = write_csv(mine, rows, CLASSES)
        path.write_text(re.sub(r"0\.\d+", "x", path.read_text(), count=1))
        return [run, path]
    if kind == "dimensions":
        return [run, write_value_run(tmp_path / "v")]
    if kind == "values of classes":
        return [run, write_csv(mine, rows, head=["id", "predicted_valence"])]
    if kind in (
        "other values",
        "other dimensions",
        "columns of dimensions",
        "classes of dimensions",
        "no finite value",
    ):
        return [write_value_run(tmp_path / "v"), spoilt_values(kind, tmp_path)]
    if kind == "empty":
        return [run, write_csv(mine, [])]
    if kind == "nothing":
        return [run, tmp_path / "no.csv"]
    if kind == "empty folder":
        (tmp_path / "folder").mkdir()
        return [run, tmp_path / "folder"]
    return [run, tmp_path / "no.txt"]


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


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (
            "other utterances",
            r"mine.csv: expected the same 200 utterances.*5 missing, such as 03a000, .*; 1 too many, such as zz1",
        ),
        ("more utterances", "expected the same 200 utterances as the other side, found 1 too many, such as zz1"),
        (
            "other classes",
            "mine.csv: expected the classes anger, .*sadness of .*seed-1, found the classes anger, .*surprise",
        ),
        ("unknown class", r"mine.csv: 03a000: expected one of anger, .*, found 'angr'.*anger"),
        ("twice", "mine.csv: expected each utterance once, found 1 several times, such as 10a003"),
        ("two strangers", "expected labels and speakers in one of them"),
        ("one speaker", "expected at least two speakers, found 03 alone"),
        ("columns", "expected the columns id,prediction and if known p_<class>.*, found name,prediction"),
        ("posteriors of some classes", "expected the columns p_anger,.*p_sadness, found p_anger,p_boredom,p_disgust"),
        ("other labels", "03a000: expected the label .* as in .*seed-1, found disgust"),
        ("other speakers", "03a000: expected the speaker 03 as in .*seed-1, found 08"),
        ("no number", "03a000: expected posteriors between 0 and 1"),
        (
            "dimensions",
            "expected the classes anger, .* of .*seed-1, found the dimensions valence, activation, dominance",
        ),
        ("values of classes", "expected the column prediction, as the other side has classes, found values"),
        ("other values", "03a000: expected the true values .*, found 9.0, "),
        (
            "other dimensions",
            "expected the dimensions valence, activation, dominance of .*, found the dimensions valence",
        ),
        ("columns of dimensions", "expected the columns id,predicted_valence,.*, found id,predicted_valence"),
        ("classes of dimensions", "expected the columns id,predicted_valence,.*, found id,prediction"),
        ("no finite value", "03a000: expected finite values, found others"),
        ("empty", "expected predictions, found the line of columns alone"),
        ("nothing", "no.csv: expected a run folder.*found nothing there"),
        ("empty folder", "found a folder without results.json"),
        ("something else", "no.txt: expected a run folder.*found nothing there"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(kind: str, message: str, run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message) as fault:
        compare_files(spoilt(kind, run, tmp_path))
    assert "\n" not in str(fault.value)


def test_one_system_alone_is_a_fault_of_the_command_line(run: Path, capsys) -> None:
    with pytest.raises(SystemExit) as end:
        main([str(run)])
    assert end.value.code == 2 and "B" in capsys.readouterr().err
