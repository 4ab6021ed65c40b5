"""report.html: whole, self-contained, honest, and safe against what a corpus may be called."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from report_folders import PAPER, plausible_results, sum_up, write_run

from speechbrain_ext.bin.report import main
from speechbrain_ext.evaluation.results_files import read_results, write_results
from speechbrain_ext.report.figures import run_figures
from speechbrain_ext.report.page import write_report
from speechbrain_ext.utils.errors import UserError

pytestmark = pytest.mark.usefixtures("small_figures")
VOID = {"meta", "link", "img", "br"}


class Page(HTMLParser):
    """Collects the tags of a page and checks that they close in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.stack: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.stack:
            self.words.append(data)

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture
def exp(tmp_path: Path) -> Path:
    """Two runs of real data and one on the mini corpus."""
    write_run(tmp_path, protocol="random5", paper=PAPER, hparams="hidden: 128 # <b>", warnings=["few <i>steps</i>"])
    write_run(tmp_path, protocol="speaker", history=False, selection="test")
    write_run(tmp_path, source="mini", edition="mini corpus")
    return tmp_path


def _page(exp: Path, folder: str = "EmoDB-real") -> tuple[str, Page]:
    write_report(exp / folder, exp / "report.html")
    html = (exp / "report.html").read_text(encoding="utf-8")
    return html, Page(html)


def test_page_needs_no_network_and_no_other_file(exp: Path) -> None:
    html, page = _page(exp)
    links = [one[key] for _, one in page.tags for key in ("src", "href", "srcset", "action") if key in one]
    assert len(links) >= 5
    assert all(link.startswith(("#", "data:")) for link in links)
    assert not re.search(r"https?://|@import|url\(", html)
    assert page.all("script") == []


def test_page_is_accessible(exp: Path) -> None:
    _, page = _page(exp)
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("h1")) == 1
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:], strict=False))
    assert len(page.all("caption")) == len(page.all("table")) >= 9
    assert all("scope" in one for one in page.all("th"))
    assert all(len(one["alt"]) > 30 for one in page.all("img"))
    ids = [one["id"] for _, one in page.tags if "id" in one]
    assert len(ids) == len(set(ids))
    targets = [one["href"][1:] for one in page.all("a")] + [
        one["aria-labelledby"] for _, one in page.tags if "aria-labelledby" in one
    ]
    assert set(targets) <= set(ids)
    assert page.all("a")[0] == {"class": "skip", "href": "#main"}
    assert all(one["tabindex"] == "-1" for _, one in page.tags if "tabindex" in one), "nothing but links is a stop"


def test_page_shows_every_run_with_card_and_warnings(exp: Path) -> None:
    html, page = _page(exp)
    for part in (
        "amsnet: random5 (speaker-dependent), seed 1",
        "Speaker-dependent: test speakers were also trained on",
        "Optimistic: the model was selected on the test fold.",
        "test (optimistic)",
        "few <i>steps</i>",
        "hidden: 128 # <b>",
        "0123abc",
        "torch 2.11.0",
        "sha256 " + "c" * 64,
        "the lowest UAR is that of speaker 03",
        "71.50 [",
    ):
        assert part in page.text
    assert "<i>steps" not in html and "# <b>" not in html
    # The overview, and per run confusion, classes, speakers, reliability; curves of one.
    assert len(page.all("img")) == 1 + 2 * 4 + 1
    assert 'class="mini"' not in html and 'is-mini">' not in html


def test_paper_stands_only_beside_comparable_runs(tmp_path: Path) -> None:
    write_run(tmp_path / "a", protocol="random5", paper=PAPER)
    _, page = _page(tmp_path / "a")
    assert "Paper, amsnet/5, AMSNet" in page.text and "88.34" in page.text
    for number, changes in enumerate(
        ({"edition": "EmoDB (2 s copy)"}, {"paper": PAPER | {"protocol": "speaker"}}, {"folds_of_protocol": 6})
    ):
        exp = tmp_path / str(number)
        write_run(exp, **({"protocol": "random5", "paper": PAPER} | changes))
        _, page = _page(exp)
        assert "88.34" not in page.text
        assert "No paper's number is shown here: " in page.text


def test_no_warning_is_said_twice() -> None:
    told = ["optimistic: chosen on the test part", "partial: 10 of 12 folds", "transductive: normalised"]
    warnings = plausible_results(selection="test", folds_of_protocol=12, warnings=told).all_warnings
    assert warnings == [
        "Optimistic: the model was selected on the test fold.",
        "Partial: only 10 of 12 folds of the protocol were run.",
        "transductive: normalised",
    ]
    assert plausible_results(warnings=told).all_warnings == told


def test_mini_page_has_banner_and_watermark(exp: Path) -> None:
    html, page = _page(exp, "EmoDB-mini")
    assert '<p class="mini" role="note">Mini corpus: synthetic.' in html
    assert [one for one in page.all("body")] == [{"class": "is-mini"}]
    assert "mini corpus: synthetic" in page.text


def test_systems_have_sections_with_their_seeds(tmp_path: Path) -> None:
    for seed in (1, 2, 3):
        folder = write_run(tmp_path, history=False, seed=seed)
    sum_up(folder)
    sum_up(write_run(tmp_path, history=False, system="svm"))
    html, page = _page(tmp_path)
    assert [one["id"] for one in page.all("section") if one.get("class") == "system"] == ["system-amsnet", "system-svm"]
    amsnet, svm = html.split('id="system-svm"')
    assert html.count("Over seeds: mean") == 1 and "Over seeds: mean" in amsnet
    uar = [plausible_results(seed=seed).pooled["uar"].value for seed in (1, 2, 3)]
    assert f"{100 * np.mean(uar):.2f} ± {100 * np.std(uar):.2f}" in amsnet
    assert ", ".join(f"seed {seed}: {100 * value:.2f}" for seed, value in enumerate(uar, 1)) in page.text
    assert amsnet.count('<section class="run"') == 3 and svm.count('<section class="run"') == 1


def test_overview_warns_where_folds_differ(exp: Path, tmp_path: Path) -> None:
    _, page = _page(exp)
    assert "Runs on 2 different sets of folds are shown" in page.text
    assert len([one for one in page.all("th") if one["scope"] == "rowgroup"]) == 2
    write_run(tmp_path / "same", history=False)
    write_run(tmp_path / "same", history=False, system="svm")
    _, page = _page(tmp_path / "same")
    assert "different sets of folds" not in page.text
    assert (tmp_path / "same/report.overview.pdf").read_bytes().startswith(b"%PDF")


def test_page_shows_the_figures_in_the_runs_folder(tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    html, _ = _page(tmp_path)
    for name in ("confusion", "classes", "speakers", "reliability", "curves"):
        assert base64.b64encode((folder / f"{name}.png").read_bytes()).decode() in html
        assert (folder / f"{name}.pdf").exists()


def test_figures_are_drawn_once_and_again_where_they_or_what_they_show_changed(tmp_path: Path, monkeypatch) -> None:
    folder, drawn = write_run(tmp_path), []

    def draw(path: Path, *build: object) -> None:
        drawn.append(path.name)
        path.write_bytes(f"{len(drawn)}".encode())

    monkeypatch.setattr(run_figures, "draw_file", draw)

    def drawn_again() -> list[str]:
        drawn.clear()
        _page(tmp_path)
        return sorted(drawn)

    every = sorted(
        f"{name}.{kind}"
        for name in ("confusion", "classes", "speakers", "reliability", "curves")
        for kind in ("png", "pdf")
    )
    assert drawn_again() == every and drawn_again() == []
    (folder / "classes.pdf").unlink()
    assert drawn_again() == ["classes.pdf", "classes.png"] and drawn_again() == []
    log = folder / "fold-03/train_log-frlm.jsonl"
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:-1]))
    assert drawn_again() == ["curves.pdf", "curves.png"]
    for path in folder.glob("fold-*/*.jsonl"):
        path.unlink()
    assert drawn_again() == [] and not (folder / "curves.png").exists() and drawn_again() == []
    (folder / "figures.json").write_text("{}")
    assert drawn_again() == [name for name in every if "curves" not in name]
    results = read_results(folder / "results.json")
    write_results(folder / "results.json", replace(results, commit="f" * 7))
    assert drawn_again() == [name for name in every if "curves" not in name] and drawn_again() == []


def test_a_figure_that_cannot_be_drawn_is_told_and_an_older_one_removed(tmp_path: Path, capsys) -> None:
    folder = write_run(tmp_path, history=False)
    results, calls = read_results(folder / "results.json"), []

    def build() -> Figure:
        calls.append(1)
        raise UserError("x.wav: cannot be read")

    def nothing() -> Figure:
        calls.append(2)
        raise run_figures.NothingToDraw

    def draw(path: Path, build) -> None:
        build()

    for name, why in (("silence", build), ("tsne", nothing)):
        (folder / f"{name}.png").write_bytes(b"of older results")
        figure = run_figures.RunFigure(name, "a", why)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(run_figures, "draw_file", draw)
            for _ in range(2):
                assert run_figures.draw_run(folder, [figure]) == []
        assert not (folder / f"{name}.png").exists()
    assert calls == [1, 1, 2], "what is not there is not looked for again"
    assert capsys.readouterr().out.count("note: no silence.png: x.wav: cannot be read") == 2
    write_report(tmp_path / "EmoDB-real", tmp_path / "report.html", lambda place, found: [])
    assert results.pooled.n == 200


@pytest.mark.parametrize("name", ["results.json", "predictions.csv"])
@pytest.mark.parametrize("damage", ["one digit", "cut off", "empty", "missing"])
def test_a_damaged_result_is_named_and_left_out(tmp_path: Path, name: str, damage: str, capsys) -> None:
    damaged = write_run(tmp_path, row="damaged") / name
    content = damaged.read_text()
    if damage == "missing":
        damaged.unlink()
    elif damage == "one digit":
        place = content.rindex("0.")
        damaged.write_text(content[:place] + "1." + content[place + 2 :])
    else:
        damaged.write_text(content[: len(content) // 2 if damage == "cut off" else 0])
    if (name, damage) != ("results.json", "missing"):
        with pytest.raises(UserError, match="damaged ones only"):
            _page(tmp_path)
        assert f"{damaged}: " in (out := capsys.readouterr().out) and "left out of the page" in out
    write_run(tmp_path, row="sound")
    assert "amsnet sound" in _page(tmp_path)[1].text and "amsnet damaged" not in _page(tmp_path)[1].text


def test_a_damaged_figure_is_named_and_drawn_again(tmp_path: Path, capsys) -> None:
    folder = write_run(tmp_path)
    _page(tmp_path)
    data = bytearray((folder / "confusion.png").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "confusion.png").write_bytes(data)
    html, page = _page(tmp_path)
    assert base64.b64encode(data).decode() not in html and len(page.all("img")) == 6
    assert "confusion.png: damaged or edited" in capsys.readouterr().out


def test_page_is_the_same_each_time(exp: Path) -> None:
    assert _page(exp)[0] == _page(exp)[0]


def test_faults_are_told(exp: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(UserError, match="found none: make one with: ./run.sh"):
        write_report(tmp_path / "nothing", tmp_path / "report.html")
    (exp / "EmoDB-mini/amsnet/default/speaker").rename(exp / "EmoDB-real/amsnet/default/mini")
    with pytest.raises(UserError, match="one source, found mini, real"):
        write_report(exp / "EmoDB-real", tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_command_writes_the_page(exp: Path, capsys: pytest.CaptureFixture) -> None:
    main(["page", "--exp", str(exp / "EmoDB-mini"), "--out", str(exp / "new" / "report.html")])
    assert (exp / "new" / "report.html").exists()
    assert "report.html" in capsys.readouterr().out
