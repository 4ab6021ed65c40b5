"""Systems compared from files: the words, the numbers behind them, and what is refused."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from data_folders import write_data
from report_folders import CLASSES, SPEAKERS, TARGET, facts, fold_facts, plausible_rows, write_folder
from scipy.stats import binomtest, t
from sklearn.metrics import log_loss, recall_score
from value_folders import write_value_run

from speechbrain_ext.bin.compare import main
from speechbrain_ext.corpora.manifest import Utterance, Vote
from speechbrain_ext.evaluation.predictions import write_predictions
from speechbrain_ext.evaluation.results import make_results
from speechbrain_ext.evaluation.statistics import annotators, by_gender, calibration
from speechbrain_ext.evaluation.system_files import read_systems
from speechbrain_ext.metrics.vote_divergence import vote_divergence
from speechbrain_ext.report.comparison import compare_files
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import sha256_file


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
    if kind == "empty":
        return [run, write_csv(mine, [])]
    if kind == "nothing":
        return [run, tmp_path / "no.csv"]
    if kind == "empty folder":
        (tmp_path / "folder").mkdir()
        return [run, tmp_path / "folder"]
    return [run, tmp_path / "no.txt"]


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
