"""The figures: same bytes for the same numbers, a watermark on the mini corpus."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import matplotlib.image
import pytest
from report_folders import edited, plausible_history, plausible_results

from speechbrain_ext.report.figures import figures
from speechbrain_ext.report.figures.drawing import WATERMARK, draw_file


@pytest.mark.parametrize("suffix", ["png", "pdf"])
def test_figures_have_the_same_bytes_each_time(tmp_path: Path, suffix: str) -> None:
    results = plausible_results()
    history = plausible_history(results)
    before = dict(matplotlib.rcParams)
    for number in (1, 2):
        draw_file(tmp_path / f"confusion{number}.{suffix}", figures.build_confusion, results)
        draw_file(tmp_path / f"curves{number}.{suffix}", figures.build_curves, history, "amsnet", "real")
    start = {"png": b"\x89PNG", "pdf": b"%PDF"}[suffix]
    for name in ("confusion", "curves"):
        first, second = ((tmp_path / f"{name}{number}.{suffix}").read_bytes() for number in (1, 2))
        assert first == second and first.startswith(start)
    assert dict(matplotlib.rcParams) == before
    assert len(list(tmp_path.iterdir())) == 4


def _texts(figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))


def test_confusion_says_all_it_must() -> None:
    results = plausible_results(protocol="random5")
    said = _texts(figures.build_confusion(results))
    for part in (
        "random5 (speaker-dependent)",
        "EmoDB, as published",
        "seed 1",
        "happiness",
        "WA 71.50 [",
        "UAR 71.48 [",
    ):
        assert part in said
    counts = results.pooled.confusion
    assert f"{counts[0][0]}\n{100 * counts[0][0] / sum(counts[0]):.1f} %" in said
    assert WATERMARK not in said


def test_mini_corpus_is_marked() -> None:
    results = plausible_results(source="mini", edition="mini corpus")
    assert f"\n{WATERMARK}\n" in f"\n{_texts(figures.build_confusion(results))}\n"
    history = plausible_history(results)
    assert WATERMARK in _texts(figures.build_curves(history, "", "mini"))
    assert WATERMARK not in _texts(figures.build_curves(history, "", "real"))


def test_a_class_without_utterances_is_drawn_without_shares() -> None:
    results = edited(plausible_results(), lambda record: record["pooled"]["confusion"].__setitem__(2, [0] * 7))
    assert "(n = 0)" in _texts(figures.build_confusion(results))


def test_curves_draw_each_step_and_the_mean_of_the_folds() -> None:
    history = {
        "a": [
            {"epoch": 1, "phase_name": "frlm", "train_loss": 2.0},
            {"epoch": 2, "phase_name": "frlm", "train_loss": 1.0},
        ],
        "b": [
            {"epoch": 1, "phase_name": "frlm", "train_loss": 4.0},
            {"epoch": 1, "phase_name": "fusion", "train_loss": 1},
        ],
    }
    axes = figures.build_curves(history, "", "real").axes
    assert [one.get_title() for one in axes] == ["frlm", "fusion"]
    bold = [line for line in axes[0].lines if line.get_linewidth() == 2]
    assert [line.get_ydata().tolist() for line in bold] == [[3.0, 1.0]]


def test_scores_are_drawn_in_per_cent_and_missing_ones_left_out() -> None:
    history = {"a": [{"epoch": 1, "phase_name": "s", "train_loss": 2.0, "dev_uar": 0.5, "dev_loss": None, "lr": 0.1}]}
    loss, score = figures.build_curves(history, "", "real").axes
    assert [text.get_text() for text in loss.get_legend().get_texts()] == ["train loss"]
    assert score.lines[0].get_ydata().tolist() == [50.0]


def test_other_suffixes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="found 'jpg'"):
        draw_file(tmp_path / "a.jpg", figures.build_confusion, plausible_results())
