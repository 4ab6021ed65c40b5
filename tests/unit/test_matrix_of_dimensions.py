"""A matrix of dimensions: what is read and refused, its tables with CCC, and its kept copy."""

from __future__ import annotations

import csv
import io
import itertools
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from speechbrain_ext.bin.options import command_parser
from speechbrain_ext.bin.requests import matrix_request
from speechbrain_ext.corpora import get_corpus
from speechbrain_ext.corpora.manifest import Utterance
from speechbrain_ext.corpora.stated_facts import StatedFacts
from speechbrain_ext.corpora.value_range import convert
from speechbrain_ext.cross_corpus.dimensions import share_dimensions
from speechbrain_ext.evaluation.cross_corpus_json import score_line
from speechbrain_ext.evaluation.matrix import ALL_DATA, WITHIN, Cell, CorpusCard, Matrix, read_matrix, write_matrix
from speechbrain_ext.evaluation.predictions import read_predictions, write_predictions
from speechbrain_ext.evaluation.target_scores import scores_of
from speechbrain_ext.evaluation.targets import Dimensions, Prediction
from speechbrain_ext.metrics.values import concordance
from speechbrain_ext.report.cross_corpus.differences import differences
from speechbrain_ext.report.cross_corpus.forest import build_forest_of_methods
from speechbrain_ext.report.cross_corpus.kept import keep_matrix
from speechbrain_ext.report.cross_corpus.write import write_matrix_report
from speechbrain_ext.utils.errors import UsageError, UserError
from speechbrain_ext.utils.files import sha256_file

NAMES = ("valence", "dominance")


def cell(folder, train, target, method="as-trained", model=ALL_DATA, noise=0.5) -> Cell:
    truth = np.random.default_rng(len(target))
    random = np.random.default_rng(len(train) + 7 * len(target) + len(method))
    rows = []
    for number in range(60):
        values = truth.uniform(1, 5, size=2)
        predicted = values + noise * random.normal(size=2)
        rows.append(
            Prediction("all-data", f"u{number:02d}", f"s{number % 6}", values=tuple(values), predicted=tuple(predicted))
        )
    path = folder / f"runs/{train}-{target}-{method}-{model}/predictions.csv"
    path.parent.mkdir(parents=True)
    write_predictions(path, rows, Dimensions(NAMES))
    return Cell(
        system="svm",
        row="dimensions",
        train=(train,),
        target=target,
        model=model,
        method=method,
        transductive=method != "as-trained",
        speakers=6,
        predictions=str(path.relative_to(folder)),
        sha256=sha256_file(path),
        command="cross_corpus.sh",
        **scores_of(rows, Dimensions(NAMES)),
    )


def card(name) -> CorpusCard:
    return CorpusCard(
        corpus=name,
        source="real",
        edition="x",
        utterances=60,
        speakers=6,
        hours=None,
        language="Polish",
        speaking="scripted",
        emotions="acted",
        labels={},
        merged={},
        left_out={},
        manifest_sha256="0" * 64,
        dimension_scale=(1.0, 5.0),
    )


def make(folder) -> Matrix:
    cells = [cell(folder, name, name, model=WITHIN) for name in ("A", "Bb")]
    for train, target in (("A", "Bb"), ("Bb", "A")):
        cells += [cell(folder, train, target), cell(folder, train, target, "coral", noise=0.2)]
    cells.append(Cell(
        system="svm", row="dimensions", train=("A",), target="Bb", model=ALL_DATA, method="dann", transductive=True,
        note="dann does not apply to svm",
    ))  # fmt: skip
    matrix = Matrix(
        source="real",
        classes=(),
        dimensions=NAMES,
        shared_classes="train",
        corpora=(card("A"), card("Bb")),
        systems=("svm",),
        methods=("as-trained", "coral", "dann"),
        cells=tuple(cells),
        overlaps={},
        commit="abc",
        command="cross_corpus.sh --dimensions valence,dominance",
    )
    write_matrix(folder, matrix)
    return matrix


def test_it_reads_back_and_a_matrix_of_classes_and_dimensions_is_refused(tmp_path):
    matrix = make(tmp_path)
    assert read_matrix(tmp_path / "matrix.json") == matrix and matrix.scores == NAMES
    for wrong in (replace(matrix, dimensions=None), replace(matrix, classes=("anger", "sadness"))):
        write_matrix(tmp_path, wrong)
        with pytest.raises(UserError, match="expected classes or dimensions"):
            read_matrix(tmp_path / "matrix.json")
    write_matrix(tmp_path, replace(matrix, dimensions=None, classes=("anger", "anger")))
    with pytest.raises(UserError, match="expected classes or dimensions"):
        read_matrix(tmp_path / "matrix.json")


def test_each_dimension_has_its_table_with_ccc_and_interval(tmp_path):
    matrix = make(tmp_path)
    files = {path.name: path for path in write_matrix_report(tmp_path)}
    page = files["matrix.md"].read_text()
    (one,) = matrix.of(train=("A",), target="Bb", method="coral")
    for name in NAMES:
        title = f"### {name}, svm, coral, trained on all data (transductive: uses unlabelled target data)"
        table = page.split(title)[1].split("###")[0]
        low, high = one.ccc_ci95[name]
        assert "| A | " in table and f"{one.ccc[name]:.3f} [{low:.3f}, {high:.3f}]" in table and "(CV)" in table
    assert "## CCC\n" in page and "UAR" not in page and "What is recognised" not in page
    assert "| Polish | scripted | acted | 60 | 6 | 1 to 5 |" in page and "dann does not apply to svm" in page
    assert "In simulations with 6 speakers the 95 % intervals cover: CCC" in page
    assert f"{one.ccc['dominance']:.3f}" in files["matrix.tex"].read_text()
    with Image.open(files["heat_map.png"]) as image:
        assert image.size[0] > 500


def test_methods_are_compared_by_the_ccc_of_each_dimension(tmp_path):
    matrix = make(tmp_path)
    found = {(one.cell.train, one.dimension): one for one in differences(matrix, tmp_path)}
    assert set(found) == {(train, name) for train in (("A",), ("Bb",)) for name in NAMES}
    sides = []
    for method in ("as-trained", "coral"):
        (one,) = matrix.of(train=("A",), target="Bb", method=method)
        sides.append(read_predictions(tmp_path / one.predictions)[0])
    raw = {}
    for place, name in enumerate(NAMES):
        truth, old, new = (
            np.array([getattr(row, field)[place] for row in rows])
            for field, rows in (("values", sides[0]), ("predicted", sides[0]), ("predicted", sides[1]))
        )
        speakers = np.array([int(row.speaker[1:]) for row in sides[0]])
        gained = []
        for swapped in itertools.product([False, True], repeat=6):
            is_swapped = np.array(swapped)[speakers]
            first, second = np.where(is_swapped, new, old), np.where(is_swapped, old, new)
            gained.append(concordance(truth, second) - concordance(truth, first))
        one = found[("A",), name]
        assert one.test.difference == pytest.approx(gained[0]) and one.cell.method == "coral"
        raw[name] = np.mean(np.abs(gained) >= abs(gained[0]) - 1e-9)
    for name in NAMES:
        # Holm over the dimensions: two tests.
        smaller = min(raw.values())
        assert found[("A",), name].p_holm == pytest.approx(
            min(1, 2 * raw[name] if raw[name] == smaller else max(raw[name], 2 * smaller))
        )
    page = {path.name: path for path in write_matrix_report(tmp_path)}["matrix.md"].read_text()
    section = page.split("## Which methods help")[1]
    assert "CCC gained over the same model as it was trained" in section and "methods and dimensions of one" in section
    one = found[("A",), "valence"]
    low, high = one.test.interval
    text = f"| {one.test.difference:+.3f} [{low:.3f}, {high:.3f}], p = {one.p_holm:.2f}"
    assert "| svm | A | Bb | valence | " in section and text in section
    assert f"| 6 | {one.test.smallest_difference:.3f} |" in section


def test_the_forest_plot_has_a_line_for_each_dimension(tmp_path):
    matrix = make(tmp_path)
    figure = build_forest_of_methods(matrix, differences(matrix, tmp_path))
    (axes,) = figure.axes
    names = [text.get_text() for text in axes.get_yticklabels()]
    assert names == [f"svm: {way}, {name}" for way in ("A → Bb", "Bb → A") for name in NAMES]
    marks = [line.get_xdata()[0] for line in axes.lines if len(line.get_xdata()) == 1]
    wanted = [one.test.difference for one in differences(matrix, tmp_path)]
    assert marks == pytest.approx(wanted) and figure._suptitle.get_text().startswith("CCC gained over")


def test_the_csv_has_three_columns_a_dimension(tmp_path):
    matrix = make(tmp_path)
    files = {path.name: path for path in write_matrix_report(tmp_path)}
    rows = list(csv.DictReader(io.StringIO(files["matrix.csv"].read_text())))
    assert len(rows) == len(matrix.cells)
    for row, one in zip(rows, matrix.cells, strict=True):
        assert "uar_percent" not in row
        if one.ccc is None:
            assert row["ccc_valence"] == row["ccc_mean"] == "" and row["note"] == "dann does not apply to svm"
            continue
        for name in NAMES:
            found = [float(row[f"ccc_{name}{end}"]) for end in ("", "_low", "_high")]
            assert found == pytest.approx([one.ccc[name], *one.ccc_ci95[name]], abs=1e-6)
        assert float(row["ccc_mean"]) == pytest.approx(np.mean(list(one.ccc.values())), abs=1e-6)


def test_a_line_says_the_ccc_of_each_dimension(tmp_path):
    one = make(tmp_path).of(train=("A",), target="Bb", method="coral")[0]
    low, high = one.ccc_ci95["dominance"]
    line = score_line(one)
    assert line.startswith("A -> Bb, svm, all-data, coral: CCC of valence ")
    assert f"CCC of dominance {one.ccc['dominance']:.3f} [{low:.3f}, {high:.3f}], 60 utterances of 6 speakers" in line
    assert line.endswith("transductive: uses unlabelled target data")


def test_a_kept_copy_has_the_predicted_values(tmp_path):
    matrix = make(tmp_path / "made")
    path = keep_matrix(tmp_path / "made", "values", tmp_path)
    kept = read_matrix(path)
    for old, new in zip(matrix.cells, kept.cells, strict=True):
        if old.ccc is None:
            assert new.predictions is None
            continue
        before = read_predictions(tmp_path / "made" / old.predictions)
        assert read_predictions(path.parent / new.predictions) == before and before[1] == Dimensions(NAMES)
    page = (tmp_path / "CROSS_CORPUS.md").read_text()
    assert "## values: svm on A, Bb; valence, dominance" in page and "## CCC" in page


def facts(name, stated=None):
    task = get_corpus(name).task if name in ("IEMOCAP", "MSP-IMPROV", "EmoDB") else get_corpus("EmoDB").task
    return SimpleNamespace(corpus=name, task=task, stated=stated or StatedFacts())


def test_the_tasks_are_of_dimensions_and_the_scales_those_that_are_stated():
    own = facts("mine", StatedFacts(dimension_scale=(-1.0, 1.0)))
    shared = share_dimensions([facts("IEMOCAP"), own], NAMES)
    assert shared.classes == () and shared.scales == {"IEMOCAP": (1.0, 5.0), "mine": (-1.0, 1.0)}
    item = Utterance(id="a", corpus="mine", wav="a.wav", speaker="s", label=None, vad=[0.5, None, -0.5])
    assert shared.tasks["mine"].values_of(item) == [0.5, -0.5] and shared.tasks["mine"].label_of(item) == ""
    assert shared.tasks["mine"].label_of(replace(item, vad=[0.5, 1.0, None])) is None
    assert shared.task_of(("IEMOCAP", "mine")).dimensions == NAMES


def test_a_corpus_without_a_stated_scale_is_refused_with_the_file_to_write():
    with pytest.raises(
        UserError, match=r"mine: expected values of valence, dominance with a stated scale, found none.*mine.facts.json"
    ):
        share_dimensions([facts("IEMOCAP"), facts("mine")], NAMES)
    with pytest.raises(UserError, match="expected corpora of different names"):
        share_dimensions([facts("IEMOCAP"), facts("IEMOCAP")], NAMES)


def test_values_are_mapped_end_to_end():
    assert convert((1.0, 2.0, 5.0), (1.0, 5.0), (0.0, 100.0)) == (0.0, 25.0, 100.0)
    assert convert((0.1,), (1.0, 5.0), (1.0, 5.0)) == (0.1,)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--dimensions", "valance"), "dimensions: valance: expected some of valence, activation, dominance"),
        (("--dimensions", "valence", "--class-map", "x.json"), "--class-map is for classes"),
        (("--dimensions", "valence", "--shared-classes", "renormalise"), "--shared-classes is for classes"),
    ],
)
def test_what_does_not_go_with_dimensions_is_refused(tmp_path, words, message):
    parser = command_parser("cross_corpus", "", ("corpora",))
    asked = parser.parse(["--data", str(tmp_path), "--exp", str(tmp_path), "--corpora", "IEMOCAP,MSP-IMPROV", *words])
    asked.found, asked.command_line, asked.threads, asked.by_system = (), "", 1, {}
    with pytest.raises(UsageError, match=message):
        matrix_request(asked)
