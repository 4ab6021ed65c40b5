"""Figures for a paper: width, no title, 8 points, embedded fonts; those for the page stay as they are."""

from __future__ import annotations

import re

import pytest
from matplotlib.text import Text
from report_folders import plausible_history, plausible_results, plausible_rows, write_run
from test_table_report import result, table
from value_folders import value_results, value_rows, write_value_run

from speechbrain_ext.bin.report import main
from speechbrain_ext.evaluation.breakdown import by_speaker
from speechbrain_ext.report.figures import bars, figures, overview
from speechbrain_ext.report.figures.drawing import BAR, DEV_LINE, LINE, PRINT_POINTS, WATERMARK, draw_print
from speechbrain_ext.report.figures.reliability import build_reliability
from speechbrain_ext.report.figures.table_figure import build_table_figure
from speechbrain_ext.report.tables.tables import fill
from speechbrain_ext.utils.files import write_json

WIDTHS = {"3.4in": 3.4, "7in": 7.0}


def drawings() -> dict[str, tuple]:
    results = plausible_results()
    return {
        "confusion": (figures.build_confusion, results),
        "classes": (bars.build_classes, results),
        "speakers": (bars.build_speakers, results, by_speaker(plausible_rows())),
        "reliability": (build_reliability, results, plausible_rows()),
        "curves": (figures.build_curves, plausible_history(results), "title", "real"),
        "overview": (overview.build_forest, [results, plausible_results(row="short")]),
        "table": (build_table_figure, fill(table(("A", 0.8, 0.7)), [[result(0.8, 0.7)]])),
        "scatter": (figures.build_scatter, value_results(), value_rows()),
    }


@pytest.mark.parametrize("name", list(drawings()))
def test_a_figure_for_a_paper_has_its_width_no_title_and_text_of_8_points(tmp_path, name):
    build, *arguments = drawings()[name]
    made = []

    def kept(*given):
        made.append(build(*given))
        return made[-1]

    paths = draw_print(tmp_path / name, kept, *arguments)
    assert [path.name for path in paths] == [f"{name}.{width}.pdf" for width in WIDTHS]
    for path, figure, width in zip(paths, made, WIDTHS.values(), strict=True):
        assert figure.get_figwidth() == width and figure.get_suptitle() == ""
        assert {text.get_fontsize() for text in figure.findobj(Text)} == {PRINT_POINTS}
        content = path.read_bytes()
        assert float(re.search(rb"/MediaBox \[ 0 0 ([0-9.]+) ", content)[1]) == pytest.approx(72 * width)
        assert b"/CIDFontType2" in content or b"/TrueType" in content, "type 42: the font itself is embedded"
        assert b"/Type3" not in content
    assert build(*arguments).get_suptitle() != "", "elsewhere the title stays"


def test_the_mini_corpus_is_marked_on_paper_too(tmp_path):
    made = []

    def kept(*given):
        made.append(figures.build_confusion(*given))
        return made[-1]

    draw_print(tmp_path / "a", kept, plausible_results(source="mini", edition="mini"))
    sizes = [[text.get_fontsize() for text in figure.texts if text.get_text() == WATERMARK] for figure in made]
    assert all(len(found) == 1 and found[0] > PRINT_POINTS for found in sizes)


def test_the_colours_are_those_of_okabe_and_ito():
    assert (LINE, DEV_LINE, BAR) == ("#0072b2", "#d55e00", "#56b4e9")


def test_the_command_draws_every_run_of_a_corpus(tmp_path, capsys, small_figures):
    folder = write_run(tmp_path)
    write_json(folder / "fold-03/fold.json", {"fold": "03", "phases": {"frlm": "../elsewhere"}})
    (folder / "elsewhere").mkdir()
    (folder / "fold-03/train_log-frlm.jsonl").rename(folder / "elsewhere/train_log-frlm.jsonl")
    write_value_run(tmp_path)
    command = ["page", "--exp", str(tmp_path / "EmoDB-real"), "--out", str(tmp_path / "report.html")]
    main(command)
    assert not list(tmp_path.rglob("paper"))
    main([*command, "--paper"])
    found = sorted(path.relative_to(tmp_path / "EmoDB-real").as_posix() for path in tmp_path.rglob("paper/*.7in.pdf"))
    run = "amsnet/default/speaker/seed-1/paper"
    names = [f"{run}/{name}.7in.pdf" for name in ("classes", "confusion", "curves", "reliability", "speakers")]
    assert found == [*names, "amsnet/dims/speaker/seed-1/paper/scatter.7in.pdf", "paper/overview.7in.pdf"]
    assert f"drew {2 * len(found)} figures for a paper" in capsys.readouterr().out
