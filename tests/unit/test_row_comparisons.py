"""The rows of a table against its reference row: tests by brute force, marks, and what is not compared."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from report_folders import CLASSES, SPEAKERS, facts, fold_facts, plausible_rows, write_folder
from sklearn.metrics import recall_score
from value_folders import DIMENSIONS, value_results, value_rows

from speechbrain_ext.bin.recipe_options import Recipe, parse
from speechbrain_ext.bin.requests import stages_request
from speechbrain_ext.evaluation.records import Results
from speechbrain_ext.evaluation.results import make_results
from speechbrain_ext.evaluation.row_comparisons import ComparedRow, RowFamily, compare_rows
from speechbrain_ext.evaluation.targets import Dimensions, Prediction
from speechbrain_ext.report.results_md import keep, results_md
from speechbrain_ext.report.row_notes import row_notes
from speechbrain_ext.report.tables.table_text import csv_text, latex, markdown
from speechbrain_ext.report.tables.tables import fill
from speechbrain_ext.training.paper_tables import Table, TableRow, load_table
from speechbrain_ext.training.reference_row import reference_row
from speechbrain_ext.utils.errors import UsageError
from speechbrain_ext.utils.repository import RECIPES

TRANSDUCTIVE = ["transductive: features are normalised per speaker"]


def rows_of(weak: float, seed: int = 0, speakers: Sequence[str] = SPEAKERS) -> list[Prediction]:
    """The same utterances each time; of some speakers a share is recognised as the next class."""
    generator, rows = np.random.default_rng(seed), []
    for row in plausible_rows(skill=1.0):
        is_wrong = generator.random() < weak and row.speaker in speakers
        found = CLASSES[(CLASSES.index(row.label) + 1) % len(CLASSES)] if is_wrong else row.prediction
        rows.append(replace(row, prediction=found))
    return rows


def like(seed: int = 2) -> list[Prediction]:
    """As good as `rows_of(0.0)`: as many utterances are recognised anew as are not recognised any more."""
    generator, rows, balance = np.random.default_rng(seed), [], 0
    for one in rows_of(0.0):
        is_right = one.label == one.prediction
        if generator.random() < 0.3 and (is_right if balance >= 0 else not is_right):
            other = CLASSES[(CLASSES.index(one.label) + 1) % len(CLASSES)]
            one, balance = replace(one, prediction=other if is_right else one.label), -1 if balance >= 0 else 1
        rows.append(one)
    return rows


def results_of(rows: list[Prediction], **changes) -> Results:
    return make_results(rows, facts(**changes), fold_facts(rows))


def row(name: str, *seeds: list[Prediction], **changes) -> ComparedRow:
    results = [results_of(rows, seed=number, **changes) for number, rows in enumerate(seeds, 1)]
    return ComparedRow(name, results, seeds)


def family(reference: int = 0) -> RowFamily:
    """One row that is worse for all speakers, one for some, one for a few utterances."""
    rows = (row("A", rows_of(0.0)), row("B", rows_of(0.6)), row("C", rows_of(0.9, 1, SPEAKERS[:4])))
    return compare_rows([*rows, row("D", like())], reference)


def uar(rows: Sequence[Prediction]) -> float:
    return recall_score([one.label for one in rows], [one.prediction for one in rows], average="macro")


def brute_force_p(first: list[Prediction], second: list[Prediction]) -> float:
    """Swap the answers to each utterance in all ways over speakers, and score both sides anew."""
    sides = [sorted(rows, key=lambda one: one.id) for rows in (first, second)]
    right = np.array([[one.label == one.prediction for one in rows] for rows in sides])  # [side, utterance]
    speaker = np.array([SPEAKERS.index(one.speaker) for one in sides[0]])
    of_class = np.array([[one.label == name for one in sides[0]] for name in CLASSES])  # [class, utterance]
    found = []
    for swapped in product((0, 1), repeat=len(SPEAKERS)):
        turned = np.array(swapped)[speaker]  # [utterance]
        scores = [
            np.mean([np.where(turned, right[1 - side], right[side])[own].mean() for own in of_class]) for side in (0, 1)
        ]
        found.append(abs(scores[1] - scores[0]))
    assert found[0] == pytest.approx(abs(uar(second) - uar(first)))
    return float(np.mean(np.array(found) >= found[0] - 1e-9))


def by_definition(p_values: Sequence[float]) -> np.ndarray:
    """Holm's adjustment from its definition: the largest of (m - k + 1) p of all that are not larger."""
    p = np.asarray(p_values)
    ranks = p.argsort(kind="stable").argsort(kind="stable")
    weighted = np.minimum(1, (len(p) - ranks) * p)
    return np.array([weighted[ranks <= rank].max() for rank in ranks])


def table(*names: str) -> Table:
    rows = (TableRow(name, f"table5-{name}", "amsnet", "full", "speaker", (), {}, None, None) for name in names)
    return Table(Path("amsnet_table5.yaml"), "amsnet/5", "title", "paper", "5", "amsnet", "scores", tuple(rows))


def test_the_tests_of_a_table_are_those_of_brute_force_and_holms_definition() -> None:
    found = family()
    known = [one.predictions[0] for one in found.rows]
    expected = by_definition([brute_force_p(known[0], other) for other in known[1:]])
    assert found.tests[0] == () and found.reasons == ("", "", "", "")
    tests = [one for [one] in found.tests[1:]]
    assert {one.metric for one in tests} == {"uar"}
    assert [one.p_holm for one in tests] == pytest.approx(expected)
    assert [one.test.difference for one in tests] == pytest.approx([uar(rows) - uar(known[0]) for rows in known[1:]])
    assert [one.holds for one in tests] == [p <= 0.05 for p in expected] == [True, False, False]
    assert tests[0].p_holm == pytest.approx(3 * tests[0].test.p), "adjusted, not raw"


def test_a_row_that_holds_is_marked_in_every_form_of_the_table() -> None:
    found = family()
    filled = fill(table("A", "B", "C", "D"), [one.results for one in found.rows], found)
    lines = {line[2]: line for line in markdown(filled).splitlines() if line[:4] in ("| A ", "| B ", "| C ", "| D ")}
    assert [name for name, line in lines.items() if "*" in line] == ["B"]
    score = found.rows[1].results[0].pooled["uar"].text(lambda share: f"{100 * share:.2f}")
    assert f"| {score} * |" in lines["B"] and lines["B"].count("*") == 1
    assert "{]} * " in next(line for line in latex(filled).splitlines() if line.startswith("B &"))
    rows = list(csv.DictReader(csv_text(filled).splitlines()))
    assert [one["reference_row"] for one in rows] == ["A"] * 4
    assert [one["p_holm"] for one in rows][0] == "" and float(rows[1]["p_holm"]) == pytest.approx(
        3 * 2 / 1024, rel=0.01
    )
    test = found.tests[2][0].test
    numbers = [float(rows[2][f"uar_minus_reference{end}"]) for end in ("", "_low", "_high")]
    assert numbers == pytest.approx([100 * one for one in (test.difference, *test.interval)], abs=1e-4)


def test_the_notes_name_reference_family_and_smallest_p() -> None:
    text = markdown(fill(table("A", "B", "C", "D"), [one.results for one in family().rows], family()))
    assert "- Reference row: A. 3 rows are compared with it on the same utterances" in text
    assert "family: the rows of this table against the reference" in text
    assert "Smallest p that 10 speakers can give: 0.002 (all 1024 swaps), after Holm over 3 rows 0.006." in text
    assert "no row of this table has it" not in text
    [test] = family().tests[1]
    low, high = (100 * end for end in test.test.interval)
    assert f"B: {100 * test.test.difference:+.2f} [{low:.2f}, {high:.2f}], p = 0.006 *; C: " in text
    alone = compare_rows([row("A", rows_of(0.0)), row("D", like())], 0)
    [first, how] = row_notes(alone)
    assert "1 row is compared" in first and "*: UAR differs" in how and "; no row of this table has it" in how
    assert how.endswith("can give: 0.002 (all 1024 swaps).")
    assert row_notes(compare_rows([row("A", rows_of(0.0))], 0)) == []


def test_few_speakers_are_said_to_show_nothing() -> None:
    sides = [[one for one in rows_of(weak) if one.speaker in SPEAKERS[:5]] for weak in (0.0, 0.9)]
    found = compare_rows([row("A", sides[0]), row("B", sides[1])], 0)
    notes = row_notes(found)
    assert not found.tests[1][0].holds
    assert "Smallest p that 5 speakers can give: 0.06 (all 32 swaps)." in notes[1]
    assert notes[1].endswith("So few speakers cannot show any difference at 0.05.")


def test_each_speakers_score_is_averaged_over_seeds_before_the_test() -> None:
    first, seeds = rows_of(0.0), [rows_of(0.4, 3), rows_of(0.4, 4), rows_of(0.4, 5)]
    found = compare_rows([row("A", first), row("B", *seeds)], 0)
    test = found.tests[1][0].test
    counts = np.bincount([CLASSES.index(one.label) for one in first])

    def parts(rows: Sequence[Prediction]) -> np.ndarray:
        """What each speaker's right answers add to the UAR."""
        added = np.zeros(len(SPEAKERS))
        for one in rows:
            added[SPEAKERS.index(one.speaker)] += (one.label == one.prediction) / counts[CLASSES.index(one.label)] / 7
        return added

    gained = np.mean([parts(rows) for rows in seeds], axis=0) - parts(first)
    signs = np.array(list(product((1, -1), repeat=len(SPEAKERS))))
    assert test.difference == pytest.approx(gained.sum())
    assert test.p == pytest.approx(np.mean(np.abs(signs @ gained) >= abs(gained.sum()) - 1e-9))
    assert any("averaged over the seeds first" in note for note in row_notes(found))
    assert not any("averaged over the seeds" in note for note in row_notes(family()))


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (row("B", rows_of(0.9)[:-3]), "other utterances: 197 against 200, 197 in both"),
        (
            row("B", [replace(one, label="fear") for one in rows_of(0.9)]),
            "other labels, values or speakers of the same",
        ),
        (
            row("B", [replace(one, speaker="03") for one in rows_of(0.9)]),
            "other labels, values or speakers of the same",
        ),
        (row("B", rows_of(0.9), folds_sha256="d" * 64), "folds: speaker (dddddddddddd) against speaker (cccc"),
        (row("B", rows_of(0.9), selection="test"), "selection: test (optimistic) against last"),
        (row("B", rows_of(0.9), edition="2 s copy"), "edition: 2 s copy against as published"),
        (row("B", rows_of(0.9), warnings=TRANSDUCTIVE), "transductive rows are compared with transductive ones only"),
        (row("B", rows_of(0.9), warnings=["shuffled: a check"]), "trained on labels that were dealt out at random"),
        (ComparedRow("B", [value_results()], [[]]), "classes are not compared with dimensions"),
    ],
    ids=["utterances", "labels", "speakers", "folds", "selection", "edition", "transductive", "shuffled", "values"],
)
def test_a_row_that_cannot_be_compared_says_why_and_is_no_part_of_the_family(other: ComparedRow, reason: str) -> None:
    found = compare_rows([row("A", rows_of(0.0)), other, row("C", rows_of(0.6))], 0)
    assert found.tests[1] == () and found.reasons[1].startswith(reason)
    assert [one.name for one, _ in found.compared] == ["C"] and found.tests[2][0].p_holm == found.tests[2][0].test.p
    assert any(note.startswith(f"Not compared with A: B: {reason}") for note in row_notes(found))


def value_row(name: str, rows: list[Prediction], **changes) -> ComparedRow:
    target = Dimensions(tuple(DIMENSIONS))
    return ComparedRow(name, [make_results(rows, facts(target, row=name, **changes), fold_facts(rows))], [rows])


def nearer(share: float, seed: int = 1) -> list[Prediction]:
    """The values of `value_rows`; activation is nearer to the true one by a share of the distance."""
    rows = []
    for one in value_rows(seed):
        first, second, third = one.predicted
        rows.append(replace(one, predicted=(first, second + share * (one.values[1] - second), third)))
    return rows


def test_rows_of_dimensions_are_compared_by_the_ccc_of_each() -> None:
    found = compare_rows([value_row("A", nearer(0)), value_row("B", nearer(0.6)), value_row("C", nearer(0.01))], 0)
    assert [[one.metric for one in tests] for tests in found.tests[1:]] == [[f"ccc.{name}" for name in DIMENSIONS]] * 2
    raw = np.array([one.test.p for tests in found.tests[1:] for one in tests])
    assert [one.p_holm for tests in found.tests[1:] for one in tests] == pytest.approx(by_definition(raw))
    test = found.tests[1][1]
    assert test.holds and test.test.p == 2 / 1024 and not found.tests[1][0].holds
    notes = row_notes(found)
    low, high = test.test.interval
    assert "2 rows are compared with it on the same utterances, in CCC, pooled" in notes[0]
    assert "B: valence +0.000 [0.000, 0.000], p = 1.00, activation " in notes[0]
    assert f"activation {test.test.difference:+.3f} [{low:.3f}, {high:.3f}], p = 0.01 *, dominance" in notes[0]
    assert notes[1].startswith("*: the CCC differs") and "against the reference, in each dimension" in notes[1]
    assert notes[1].endswith("after Holm over 6 tests 0.01.")


def test_a_dimension_that_holds_is_marked_in_results_md(tmp_path: Path) -> None:
    for name, rows in (("default", nearer(0)), ("other", nearer(0.6))):
        results = make_results(rows, facts(Dimensions(tuple(DIMENSIONS)), row=name), fold_facts(rows))
        keep(write_folder(tmp_path / "exp", results, rows), tmp_path / "EmoDB")
    page = results_md(tmp_path / "EmoDB")
    [line] = [one for one in page.splitlines() if one.startswith("| Here | amsnet | other")]
    cells = [cell.strip() for cell in line.split("|")]
    assert [cell.endswith("*") for cell in cells[4:9]] == [False, True, False, False, False]
    assert "Reference row: amsnet, default. 1 row is compared with it" in page


def test_other_true_values_are_not_compared() -> None:
    moved = [replace(one, values=(1.0, *one.values[1:])) for one in value_rows()]
    found = compare_rows([value_row("A", nearer(0)), value_row("B", moved)], 0)
    assert found.tests[1] == () and found.reasons[1].startswith("other labels")


def test_transductive_rows_are_compared_with_a_transductive_reference() -> None:
    rows = [row("A", rows_of(0.0), warnings=TRANSDUCTIVE), row("B", rows_of(0.6), warnings=TRANSDUCTIVE)]
    found = compare_rows([*rows, row("C", rows_of(0.6))], 0)
    assert found.tests[1][0].holds and found.tests[2] == ()


def test_an_utterance_that_is_tested_twice_and_one_speaker_alone_have_no_test() -> None:
    twice = [replace(one, fold=fold) for one in rows_of(0.0) for fold in ("a", "b")]
    found = compare_rows([row("A", twice), row("B", twice)], 0)
    assert found.reasons[1] == "an utterance is tested several times"
    assert row_notes(found)[0] == "Reference row: A. No row is compared with it."
    alone = [one for one in rows_of(0.0) if one.speaker == "03"]
    assert compare_rows([row("A", alone), row("B", alone)], 0).reasons[1] == "one speaker alone was tested"


@pytest.mark.parametrize(
    ("corpus", "identity", "expected"),
    [
        ("EmoDB", "amsnet/3", "r = 16"),
        ("EmoDB", "amsnet/5", "AMSNet"),
        # The preset merges neither class set nor labels: only the row that changes nothing.
        ("IEMOCAP", "am_resnet/2", "AM-ResNet clear+ambiguous, 4490"),
        # No row has the preset of the system.
        ("EmoDB", "amsnet_tuned/1", "short schedule"),
    ],
)
def test_the_reference_of_a_papers_table_is_the_row_of_the_preset(corpus: str, identity: str, expected: str) -> None:
    found = load_table(RECIPES / corpus, identity)
    assert reference_row(found).name == expected
    assert reference_row(found, found.rows[-1].name) is found.rows[-1]
    with pytest.raises(UsageError, match="--reference no-such-row: "):
        reference_row(found, "no-such-row")


def test_the_row_named_on_the_command_line_is_the_reference(tmp_path: Path) -> None:
    recipe = Recipe(RECIPES / "EmoDB", "EmoDB", "EMODB_ROOT", "amsnet")
    words = ["--table", "amsnet/3", "--exp", str(tmp_path), "--data", str(tmp_path)]
    asked = parse(recipe, [*words, "--reference", "r = 8"])
    assert stages_request(asked).reference == "r = 8" and parse(recipe, words).reference == ""
    with pytest.raises(UsageError, match="--reference r = 9: .*r = "):
        stages_request(parse(recipe, [*words, "--reference", "r = 9"]))
    with pytest.raises(UsageError, match="--reference names a row of --table"):
        parse(recipe, ["--system", "amsnet", "--reference", "r = 8"])


def test_results_md_marks_what_holds_and_compares_with_the_default_row(tmp_path: Path) -> None:
    recipe = tmp_path / "recipes" / "EmoDB"
    recipe.mkdir(parents=True)
    kept = {"a-worse": [rows_of(0.6, seed) for seed in (1, 2)], "default": [rows_of(0.0)], "z-like": [like()]}
    for name, seeds in kept.items():
        for seed, rows in enumerate(seeds, 1):
            results = results_of(rows, row=name, seed=seed)
            keep(write_folder(tmp_path / "exp", results, rows), recipe)
    text = results_md(recipe)
    assert "- Reference row: amsnet, default. 2 rows are compared with it" in text
    marked = [line for line in text.splitlines() if line.startswith("| Here") and " * |" in line]
    # The row over seeds is what is compared, not one of its seeds.
    assert len(marked) == 1 and "| a-worse |" in marked[0] and "mean ± std of 1, 2" in marked[0]
    cells = [cell.strip() for cell in marked[0].strip("|").split("|")]
    assert cells[4].endswith(" *") and not any(cell.endswith("*") for cell in (*cells[:4], *cells[5:]))
    first, worse = kept["default"][0], kept["a-worse"]
    difference = np.mean([uar(rows) for rows in worse]) - uar(first)
    assert f"amsnet, a-worse: {100 * difference:+.2f} [" in text
