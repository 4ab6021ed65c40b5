"""Bars and overview: they show the numbers of the run, mark the worst speaker, and keep different folds apart."""

from __future__ import annotations

from pathlib import Path

import matplotlib.text
import pytest
from report_folders import SPEAKERS, edited, plausible_results, plausible_rows, write_run
from sklearn.metrics import balanced_accuracy_score

from speechbrain_ext.evaluation.breakdown import SpeakerScores, by_class, by_speaker, worst_speaker
from speechbrain_ext.report.figures import bars, overview
from speechbrain_ext.report.figures.drawing import DEV_LINE, WATERMARK
from speechbrain_ext.report.page import write_report


def _texts(figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text)]


def _widths(figure) -> list[float]:
    return [patch.get_width() for patch in figure.axes[0].patches]


def test_speakers_are_scored_and_the_lowest_is_marked() -> None:
    results, rows = plausible_results(), plausible_rows()
    speakers = by_speaker(rows)
    assert [one.name for one in speakers] == SPEAKERS
    expected = []
    for name in SPEAKERS:
        own = [row for row in rows if row.speaker == name]
        expected.append(100 * balanced_accuracy_score([row.label for row in own], [row.prediction for row in own]))
    figure = bars.build_speakers(results, speakers)
    assert _widths(figure) == pytest.approx(expected)
    worst = expected.index(min(expected))
    assert worst_speaker(speakers) == SPEAKERS[worst]
    colours = [matplotlib.colors.to_hex(patch.get_facecolor()) for patch in figure.axes[0].patches]
    assert [colour == DEV_LINE for colour in colours] == [place == worst for place in range(len(SPEAKERS))]
    assert [text for text in _texts(figure) if text.endswith("lowest")] == [f"{min(expected):.2f} lowest"]


def test_many_speakers_are_cut_to_the_lowest() -> None:
    speakers = [SpeakerScores(f"s{n:02d}", 5, 0.5, n / 100, "") for n in range(60)][::-1]
    figure = bars.build_speakers(plausible_results(), speakers)
    assert _widths(figure) == pytest.approx(list(range(bars.MOST_SPEAKERS)))
    assert any("40 of 60 speakers, from the lowest UAR on" in text for text in _texts(figure))


def test_classes_show_recall_and_precision() -> None:
    results = edited(plausible_results(), lambda record: record["pooled"]["confusion"].__setitem__(2, [0] * 7))
    figure = bars.build_classes(results)
    classes = by_class(results)
    assert classes[2].recall is None and "–" in _texts(figure)
    assert _widths(figure) == pytest.approx([100 * (one.recall or 0) for one in classes])
    precision = [100 * one.precision for one in classes if one.precision is not None]
    assert figure.axes[0].lines[0].get_xdata() == pytest.approx(precision)
    assert "anger  (n = 29)" in _texts(figure)


def test_a_class_never_found_has_no_precision() -> None:
    def change(record) -> None:
        for row in record["pooled"]["confusion"]:
            row[3] = 0

    results = edited(plausible_results(), change)
    assert by_class(results)[3].precision is None
    assert len(bars.build_classes(results).axes[0].lines[0].get_xdata()) == 6


def test_runs_of_the_same_folds_stand_together() -> None:
    runs = [
        plausible_results(protocol="random5"),
        plausible_results(),
        plausible_results(system="svm"),
        plausible_results(folds_sha256="d" * 64),
        plausible_results(fold_seed=3),
        plausible_results(protocol="random5", seed=2, selection="test"),
        plausible_results(folds_of_protocol=12),
    ]
    groups = overview.fold_groups(runs)
    assert [group.numbers for group in groups] == [(0, 5), (1, 2), (3,), (4,), (6,)]
    titles = [group.title for group in groups]
    assert titles == [
        "random5 (speaker-dependent), 5 folds, 200 utterances, 7 classes",
        "speaker, 10 folds, 200 utterances, 7 classes, fold file cccccccc",
        "speaker, 10 folds, 200 utterances, 7 classes, fold file dddddddd",
        "speaker, 10 folds, fold seed 3, 200 utterances, 7 classes",
        "speaker, 10 of 12 folds, 200 utterances, 7 classes",
    ]
    assert "5 different sets of folds" in overview.groups_warning(groups)


def test_groups_with_one_name_are_told_apart() -> None:
    groups = overview.fold_groups([plausible_results(), plausible_results(manifest_sha256="e" * 64)])
    assert len({group.title for group in groups}) == 2


def test_forest_shows_each_interval_and_warns() -> None:
    runs = [plausible_results(protocol="random5"), plausible_results(seed=2)]
    figure = overview.build_forest(runs)
    drawn = [line.get_xdata() for line in figure.axes[0].lines if line.get_color() == overview.LINE]
    for number, one in enumerate(runs):
        assert list(drawn[2 * number]) == pytest.approx([100 * end for end in one.pooled["uar"].interval])
        assert list(drawn[2 * number + 1]) == pytest.approx([100 * one.pooled["uar"].value])
    assert any("2 different sets of folds" in text for text in _texts(figure))
    assert not any("different" in text for text in _texts(overview.build_forest(runs[:1])))


def test_stage_4_draws_each_figure_as_png_and_pdf_and_marks_the_mini_corpus(tmp_path: Path) -> None:
    results, folders = plausible_results(source="mini", edition="mini corpus"), []
    for exp in (tmp_path / "a", tmp_path / "b"):
        folders.append(write_run(exp, source="mini", edition="mini corpus"))
        write_report(exp / "EmoDB-mini", exp / "report.html")
    names = sorted(path.name for path in folders[0].iterdir() if path.suffix in (".png", ".pdf"))
    assert names == sorted(
        f"{n}.{s}" for n in ("confusion", "classes", "speakers", "reliability", "curves") for s in ("png", "pdf")
    )
    assert all((folders[0] / name).read_bytes() == (folders[1] / name).read_bytes() for name in names)
    speakers = by_speaker(plausible_rows())
    for figure in (
        bars.build_classes(results),
        bars.build_speakers(results, speakers),
        overview.build_forest([results]),
    ):
        assert WATERMARK in _texts(figure)
