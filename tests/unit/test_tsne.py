"""t-SNE of a network's vectors: the points, the figure, the command, and the page."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from report_folders import CLASSES, edited, plausible_rows, write_run
from sklearn.metrics import silhouette_score
from threadpoolctl import threadpool_limits
from value_folders import write_value_run

from speechbrain_ext.analysis import run_figures as analysis
from speechbrain_ext.analysis.run_figures import network_figures
from speechbrain_ext.analysis.tsne_figure import COLOURS, MARKERS, build_tsne, coordinates
from speechbrain_ext.analysis.tsne_runs import run_panels
from speechbrain_ext.bin import tsne as command
from speechbrain_ext.evaluation.results_files import read_results
from speechbrain_ext.evaluation.results_json import results_to_json
from speechbrain_ext.evaluation.vectors import NAME, make_vectors, read_vectors, write_vectors
from speechbrain_ext.report.figures.drawing import WATERMARK
from speechbrain_ext.report.figures.run_figures import draw_run
from speechbrain_ext.report.page import write_report
from speechbrain_ext.utils.errors import UsageError, UserError
from speechbrain_ext.utils.files import write_sealed


def clusters(points=60, classes=3, width=12, distance=8.0, seed=0):
    """Vectors [utterance, feature] around one center a class, and their classes."""
    generator = np.random.default_rng(seed)
    labels = np.arange(points) % classes
    centers = distance * np.eye(classes, width)
    return centers[labels] + generator.normal(size=(points, width)), labels


def test_classes_apart_stay_apart_and_mixed_ones_mixed():
    vectors, labels = clusters()
    assert silhouette_score(coordinates(vectors), labels) > 0.6
    mixed, labels = clusters(distance=0.0)
    assert silhouette_score(coordinates(mixed), labels) < 0.1


def test_the_same_points_each_time_whatever_the_threads():
    vectors = clusters(points=150)[0]
    first = coordinates(vectors)
    with threadpool_limits(2):
        assert np.array_equal(coordinates(vectors), first)
    np.random.seed(5)
    assert np.array_equal(coordinates(vectors), first)
    assert first.shape == (150, 2) and np.isfinite(first).all()


@pytest.mark.parametrize(
    ("vectors", "said"),
    [
        (np.eye(4), "at least 5 utterances, found 4: name another --fold"),
        (np.ones((9, 3)), "expected vectors that differ"),
        (np.full((9, 3), np.nan), "expected finite vectors"),
    ],
)
def test_vectors_that_cannot_be_laid_out(vectors, said):
    with pytest.raises(UserError, match=said) as fault:
        coordinates(vectors)
    assert "\n" not in str(fault.value)


def test_few_points_and_single_numbers_can_be_laid_out():
    for vectors in (np.eye(5), np.arange(7.0)[:, None], np.repeat([[0.0, 1], [1, 0]], [6, 1], axis=0)):
        points = coordinates(vectors)
        assert points.shape == (len(vectors), 2) and np.isfinite(points).all()


def scored(exp: Path, row: str, distance: float = 4.0, kinds=("w2e", "fused"), **changes) -> Path:
    """A run as stage 3 leaves it, with vectors around a center for each class."""
    folder = write_run(exp, row=row, system="ca_mser", **changes)
    generator, centers = np.random.default_rng(0), distance * np.eye(len(CLASSES), 12)
    rows = []
    for each in plausible_rows():
        center = centers[CLASSES.index(each.label)]
        vectors = {kind: center + generator.normal(size=12) for kind in ("embedding", *kinds)}
        rows.append((each.id, each.fold, each.label, vectors))
    write_vectors(folder / NAME, make_vectors(rows))
    return folder


def texts(figure):
    return "\n".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))


def test_one_run_shows_its_kinds_and_its_first_fold(tmp_path):
    folder = scored(tmp_path, "full")
    panels = run_panels([folder])
    assert [[panel.kind for panel in row] for row in panels] == [["w2e", "fused"]]
    assert {panel.fold for row in panels for panel in row} == {"03"}
    figure = build_tsne(panels)
    said = texts(figure)
    for part in ("ca_mser, full", "t-SNE of tested utterances, fold 03", "fused features (n = 20)", "W2E", *CLASSES):
        assert part in said
    assert WATERMARK not in said and "all folds, each of which" in texts(build_tsne(run_panels([folder], (), "all")))
    assert "last hidden layer (n = 20)" in texts(build_tsne(run_panels([folder], ["embedding"], "10")))


def test_points_of_a_class_have_its_colour_and_marker(tmp_path):
    ((panel,),) = run_panels([scored(tmp_path, "full")], ["fused"], "all")
    (axes,) = build_tsne([[panel]]).axes
    drawn = {points.get_label(): points for points in axes.collections}
    assert list(drawn) == CLASSES
    for place, name in enumerate(CLASSES):
        assert np.array_equal(drawn[name].get_offsets(), panel.points[panel.labels == name])
        assert matplotlib.colors.to_hex(drawn[name].get_facecolor()[0]) == COLOURS[place]
    assert len(set(MARKERS)) == len(MARKERS) > len(CLASSES) and len(set(COLOURS)) == len(COLOURS)
    assert silhouette_score(panel.points, panel.labels) > 0.4


def test_two_runs_stand_side_by_side(tmp_path):
    with_it, without = scored(tmp_path, "full"), scored(tmp_path, "no_coatt", 1.0, kinds=("fused",))
    panels = run_panels([without, with_it])
    assert [[(each.results.row, each.kind) for each in row] for row in panels] == [
        [("no_coatt", "fused"), ("full", "fused")]
    ], "what both have"
    said = texts(build_tsne(panels))
    assert "ca_mser, full, seed 1" in said and "ca_mser, no_coatt, seed 1" in said
    panels = run_panels([with_it, scored(tmp_path, "other")])
    assert [[each.kind for each in row] for row in panels] == [["w2e", "w2e"], ["fused", "fused"]]
    plain = [scored(tmp_path, "a", kinds=()), scored(tmp_path, "b")]
    assert [each.kind for each in run_panels(plain)[0]] == ["embedding", "embedding"]


def test_command_draws_the_same_bytes_each_time(tmp_path, capsys):
    folder = scored(tmp_path, "full", source="mini", edition="mini corpus")
    for number in (1, 2):
        outs = [word for suffix in ("png", "pdf") for word in ("--out", str(tmp_path / f"{number}.{suffix}"))]
        command.main(["--run", str(folder), *outs])
    assert f"wrote {tmp_path / '2.pdf'}" in capsys.readouterr().out
    for suffix, start in (("png", b"\x89PNG"), ("pdf", b"%PDF")):
        first, second = ((tmp_path / f"{number}.{suffix}").read_bytes() for number in (1, 2))
        assert first == second and first.startswith(start)
    assert WATERMARK in texts(build_tsne(run_panels([folder])))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--vectors", "attention"], "--vectors attention: expected vectors that this run has, found embedding, w2e"),
        (["--fold", "99"], "--fold 99: expected one of 03, 08, .* or all"),
        (["--out", "x.gif"], "--out x.gif: expected a name that ends with .png, .pdf"),
        (["--run", "nowhere"], "missing nowhere/results.json: make it with"),
    ],
)
def test_faults_are_one_line(tmp_path, words, said):
    folder = scored(tmp_path / "exp", "full")
    with pytest.raises((UserError, UsageError), match=said) as fault:
        command.main(["--run", str(folder), "--out", str(tmp_path / "x.png"), *words])
    assert "\n" not in str(fault.value) and not (tmp_path / "x.png").exists()


def change(folder: Path, **changes) -> None:
    results = edited(read_results(folder / "results.json"), lambda record: record.update(changes))
    write_sealed(folder / "results.json", results_to_json(results))


def test_runs_that_do_not_go_together_are_refused(tmp_path):
    first, second = scored(tmp_path, "full"), scored(tmp_path, "other")
    change(second, classes=CLASSES[::-1])
    with pytest.raises(UserError, match="other/speaker/seed-1: expected the classes of"):
        run_panels([first, second])
    on_dimensions = write_value_run(tmp_path)
    with pytest.raises(UserError, match="expected a run on classes, found one on dimensions"):
        run_panels([on_dimensions])
    (first / NAME).unlink()
    with pytest.raises(UserError, match="missing .*embeddings.npz: make it with: ./run.sh --stage 3 .*--force"):
        run_panels([first])


def few(folder: Path, count: int) -> None:
    vectors = read_vectors(folder / NAME)
    rows = zip(vectors.ids, vectors.folds, vectors.labels, vectors.kinds["fused"], strict=True)
    write_vectors(folder / NAME, make_vectors([(i, f, y, {"fused": v}) for i, f, y, v in rows][:count]))


def test_a_fold_with_few_utterances_says_whose(tmp_path):
    folder = scored(tmp_path, "full")
    few(folder, 3)
    with pytest.raises(UserError, match="seed-1: fold 03: fused: t-SNE: expected at least 5 utterances, found 3"):
        run_panels([folder])


def figure_of(folder: Path):
    """The figure of a run, if its network names vectors."""
    return next(iter(network_figures(folder, read_results(folder / "results.json"))), None)


def test_stage_4_draws_it_for_networks_that_name_vectors_alone(tmp_path, capsys):
    plain, named, older = (scored(tmp_path, "a", kinds=()), scored(tmp_path, "b"), write_run(tmp_path, row="old"))
    assert figure_of(plain) is None and figure_of(older) is None
    assert draw_run(named, [figure_of(named)]) == ["tsne"] and not capsys.readouterr().out
    assert (named / "tsne.png").read_bytes().startswith(b"\x89PNG") and (named / "tsne.pdf").exists()
    change(named, commit="f" * 7)
    few(named, 3)
    assert draw_run(named, [figure_of(named)]) == []
    assert "note: no tsne.png: " in capsys.readouterr().out and not (named / "tsne.png").exists()


def drawn_with(folder: Path, monkeypatch) -> list[str]:
    """Rows of the runs in the figure of a run."""
    found = []
    monkeypatch.setattr(analysis, "run_panels", lambda runs: found.extend(run.parents[1].name for run in runs))
    monkeypatch.setattr(analysis, "build_tsne", lambda panels: None)
    figure_of(folder).build()
    return found


def test_a_run_with_co_attention_stands_beside_the_one_without(tmp_path, monkeypatch):
    keys = {"epochs": 3, "lr": 0.1}
    both = scored(tmp_path, "both", hparams={**keys, "variant": "x_coatt"})
    assert drawn_with(both, monkeypatch) == ["both"]
    scored(tmp_path, "longer", hparams={**keys, "epochs": 4, "variant": "x"})
    scored(tmp_path, "other", hparams={**keys, "variant": "y"})
    scored(tmp_path, "elsewhere", hparams={**keys, "variant": "x"}, folds_sha256="d" * 64)
    scored(tmp_path, "seed", hparams={**keys, "variant": "x"}, seed=2)
    assert drawn_with(both, monkeypatch) == ["both"], "another difference than co-attention"
    without = scored(tmp_path, "without", hparams={**keys, "variant": "x"})
    assert drawn_with(both, monkeypatch) == ["without", "both"]
    assert drawn_with(without, monkeypatch) == ["without"]
    assert drawn_with(scored(tmp_path, "none"), monkeypatch) == ["none"]
    (without / NAME).unlink()
    assert drawn_with(both, monkeypatch) == ["both"], "scored before vectors were kept"


def test_page_shows_the_figure_where_it_is(tmp_path, small_figures):
    scored(tmp_path, "full")
    write_report(tmp_path / "EmoDB-real", tmp_path / "report.html")
    assert "Utterances as the network sees them" not in (tmp_path / "report.html").read_text()
    write_report(tmp_path / "EmoDB-real", tmp_path / "report.html", network_figures)
    page = (tmp_path / "report.html").read_text()
    assert "<h4>Utterances as the network sees them</h4>" in page and 'alt="Points in a plane, one for each' in page


def test_the_figure_needs_no_torch(tmp_path):
    folder = scored(tmp_path, "full")
    code = "import sys; from speechbrain_ext.bin import tsne; tsne.main(sys.argv[1:]); print('torch' in sys.modules)"
    words = ["--run", str(folder), "--vectors", "fused", "--out", str(tmp_path / "x.png")]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False" and (tmp_path / "x.png").exists()
