"""Tables, differences, figures and kept copies of a matrix across corpora."""

from __future__ import annotations

import csv
import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import confusion_matrix, recall_score

from speechbrain_ext.evaluation.matrix import ALL_DATA, WITHIN, Cell, CorpusCard, Matrix, read_matrix, write_matrix
from speechbrain_ext.evaluation.matrix_predictions import read_cell
from speechbrain_ext.evaluation.predictions import write_predictions
from speechbrain_ext.evaluation.targets import Classes, Prediction
from speechbrain_ext.report.cross_corpus.differences import differences
from speechbrain_ext.report.cross_corpus.kept import keep_matrix, write_cross_corpus_page
from speechbrain_ext.report.cross_corpus.write import write_matrix_report
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import sha256_file

CLASSES = ("anger", "neutral")
SPEAKERS = ("s1", "s2", "s3", "s4", "s5", "s6", "s7")
# Right answers of each speaker out of 10 of each class, by method.
RIGHT = {"as-trained": (5, 4, 6, 5, 3, 5, 4), "corpus-znorm": (8, 7, 9, 8, 7, 6, 8), "coral": (5, 5, 6, 4, 4, 5, 4)}


def predictions(right: tuple[int, ...]) -> list[Prediction]:
    rows = []
    for speaker, count in zip(SPEAKERS, right, strict=True):
        for label, other in (CLASSES, CLASSES[::-1]):
            for number in range(10):
                found = label if number < count else other
                posteriors = tuple(0.9 if name == found else 0.1 for name in CLASSES)
                rows.append(Prediction("all-data", f"{speaker}-{label}-{number}", speaker, label, found, posteriors))
    return rows


def cell(folder: Path, method: str, train: str, target: str, model: str = ALL_DATA) -> Cell:
    rows, kind = predictions(RIGHT[method]), Classes(CLASSES)
    path = folder / f"runs/{train}-{target}-{method}-{model}/predictions.csv"
    path.parent.mkdir(parents=True)
    write_predictions(path, rows, kind)
    scores = kind.score(rows)
    return Cell(
        system="svm",
        row="shared-classes",
        train=(train,),
        target=target,
        model=model,
        method=method,
        transductive=method != "as-trained",
        n=len(rows),
        speakers=len(SPEAKERS),
        wa=scores["wa"],
        uar=scores["uar"],
        uar_ci95=(0.4, 0.6),
        confusion=kind.confusion(rows),
        predictions=str(path.relative_to(folder)),
        sha256=sha256_file(path),
        command="cross_corpus.sh",
    )


def card(name: str, source: str) -> CorpusCard:
    return CorpusCard(
        corpus=name,
        source=source,
        edition="as published",
        utterances=140,
        speakers=7,
        hours=0.2,
        language="German",
        speaking="scripted",
        emotions="acted",
        labels=dict.fromkeys(CLASSES, 70),
        merged={"calm": "neutral"},
        left_out={"fear": 3},
        manifest_sha256="0" * 64,
    )


def make(folder: Path, source: str = "real") -> Matrix:
    cells = [cell(folder, "as-trained", name, name, WITHIN) for name in ("A", "B")]
    for train, target in (("A", "B"), ("B", "A")):
        cells += [cell(folder, method, train, target) for method in RIGHT]
    refused = replace(cells[-1], system="amsnet", wa=None, uar=None, uar_ci95=None, confusion=None, n=None)
    cells.append(replace(refused, note="coral does not apply to amsnet", predictions=None, sha256=None))
    matrix = Matrix(
        source=source,
        classes=CLASSES,
        shared_classes="train",
        corpora=(card("A", source), card("B", source)),
        systems=("svm", "amsnet"),
        methods=tuple(RIGHT),
        cells=tuple(cells),
        overlaps={"A + B": ("2 names of speakers are in both",)},
        commit="abc",
        command="cross_corpus.sh --corpora A,B",
    )
    write_matrix(folder, matrix)
    return matrix


def test_a_matrix_reads_back_as_it_was_written(tmp_path):
    matrix = make(tmp_path)
    assert read_matrix(tmp_path / "matrix.json") == matrix
    assert [one.method for one in matrix.of(train=("A",), target="B", system="svm")] == list(RIGHT)


def uar_of(rows: list[Prediction]) -> float:
    return float(recall_score([row.label for row in rows], [row.prediction for row in rows], average="macro"))


def test_differences_are_those_of_all_swaps_of_speakers(tmp_path):
    matrix = make(tmp_path)
    found = {(one.cell.train, one.cell.method): one for one in differences(matrix, tmp_path)}
    assert len(found) == 4
    one, other = found[("A",), "corpus-znorm"], found[("A",), "coral"]
    raw = {}
    for method in ("corpus-znorm", "coral"):
        pairs = list(zip(RIGHT["as-trained"], RIGHT[method], strict=True))
        wanted = (sum(b for _, b in pairs) - sum(a for a, _ in pairs)) / 70
        assert found[("A",), method].test.difference == pytest.approx(wanted)
        sums = [
            abs(sum(sign * (b - a) for sign, (a, b) in zip(signs, pairs, strict=True)))
            for signs in itertools.product((1, -1), repeat=7)
        ]
        raw[method] = np.mean([each >= abs(sum(b - a for a, b in pairs)) for each in sums])
    # Holm: the smaller p times two, the larger as it is, and never below the smaller.
    assert one.p_holm == pytest.approx(2 * raw["corpus-znorm"]) and raw["corpus-znorm"] < raw["coral"]
    assert other.p_holm == pytest.approx(max(raw["coral"], 2 * raw["corpus-znorm"]))
    assert one.holds and not other.holds and one.text.endswith(" *") and not other.text.endswith("*")


def test_the_page_has_the_scores_the_cards_and_what_is_declared(tmp_path):
    make(tmp_path)
    files = {path.name: path for path in write_matrix_report(tmp_path)}
    assert sorted(files) == ["heat_map.png", "matrix.csv", "matrix.md", "matrix.tex", "methods.png"]
    page = files["matrix.md"].read_text()
    uar = 100 * uar_of(predictions(RIGHT["corpus-znorm"]))
    assert f"{uar:.2f} [40.00, 60.00]" in page
    assert "### svm, corpus-znorm, trained on all data (transductive: uses unlabelled target data)" in page
    assert "### svm, as-trained, trained on all data\n" in page
    assert "A + B: 2 names of speakers are in both" in page and "calm as neutral" in page and "fear 3" in page
    assert "Without a score:\n\n- coral does not apply to amsnet\n" in page and "synthetic" not in page
    for text in (page, files["matrix.tex"].read_text()):
        assert "svm, coral" in text and "amsnet, coral" not in text, "no table of dashes"
    called = [row.prediction for row in predictions(RIGHT["coral"])].count("anger") / 140
    assert f"| svm | A | B | coral | {100 * called:.2f} |" in page
    with open(files["matrix.csv"], encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 9 and float(rows[3]["uar_percent"]) == pytest.approx(uar, abs=1e-4)
    assert Image.open(files["heat_map.png"]).size[0] > 600


def test_everything_of_mini_corpora_says_so(tmp_path):
    make(tmp_path, "mini")
    for path in write_matrix_report(tmp_path):
        if path.suffix != ".png":
            assert "mini corpus: synthetic" in path.read_text(), path.name


def test_predictions_that_are_not_those_of_the_scores_are_refused(tmp_path):
    matrix = make(tmp_path)
    path = tmp_path / matrix.cells[2].predictions
    path.write_text(
        path.read_text().replace("s1-anger-0,all-data,s1,anger,anger", "s1-anger-0,all-data,s1,anger,neutral")
    )
    with pytest.raises(UserError, match="predictions.csv"):
        write_matrix_report(tmp_path)


def test_a_kept_matrix_has_the_predictions_of_its_scores(tmp_path):
    make(tmp_path / "made")
    shared = tmp_path / "shared"
    kept = read_matrix(keep_matrix(tmp_path / "made", "two-corpora", shared))
    for one in kept.cells:
        if one.uar is None:
            assert one.predictions is None
            continue
        rows = read_cell(one, shared / "results/cross_corpus/two-corpora")
        assert uar_of(rows) == pytest.approx(one.uar)
        truth, found = [row.label for row in rows], [row.prediction for row in rows]
        assert np.array_equal(confusion_matrix(truth, found, labels=CLASSES), one.confusion)
    page = (shared / "CROSS_CORPUS.md").read_text()
    assert "results/cross_corpus/two-corpora/heat_map.png" in page
    (shared / "CROSS_CORPUS.md").unlink()
    assert write_cross_corpus_page(shared).read_text() == page
    # The same cells in two kept matrices stand once on disk, and until no matrix names them.
    pool = shared / "results/cross_corpus/predictions"
    files = {path.name for path in pool.iterdir()}
    again = read_matrix(keep_matrix(tmp_path / "made", "again", shared))
    assert again == kept and {path.name for path in pool.iterdir()} == files
    (pool / "unused.csv").write_text("id")
    keep_matrix(tmp_path / "made", "again", shared)
    assert {path.name for path in pool.iterdir()} == files
    with pytest.raises(UserError, match="--name Two Corpora: expected"):
        keep_matrix(tmp_path / "made", "Two Corpora", shared)
