"""The report page in a real browser: widths, tab key, requests, images, contrast, print.

They need chromium and install nothing.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import Chromium, find_chromium

pytestmark = pytest.mark.slow

WIDTHS = (1280, 700, 390)
STOPS = "[...document.querySelectorAll('a[href], summary, [tabindex=\"0\"]')].filter(one => one.checkVisibility())"
# What has a scroll bar of its own, or would have one.
SCROLLS = """[...document.body.querySelectorAll('*')].filter(one => one.checkVisibility() &&
  (['auto', 'scroll'].some(word => getComputedStyle(one).overflow.includes(word)) ||
  one.scrollWidth > one.clientWidth + 1 && one.clientWidth && getComputedStyle(one).display !== 'inline' &&
  !one.matches('.of'))).map(one => one.outerHTML.slice(0, 80))"""
IMAGES = "[...document.images].map(one => [one.complete && one.naturalWidth > 0, one.alt])"
# The lowest contrast of any text with the nearest ground that is painted behind it (WCAG 2.1, relative luminance).
CONTRAST = """(() => {
  const parts = colour => colour.match(/[0-9.]+/g).map(Number);
  const light = colour => parts(colour).slice(0, 3).map(value => value / 255)
    .map(value => value <= .04045 ? value / 12.92 : ((value + .055) / 1.055) ** 2.4)
    .reduce((sum, value, place) => sum + value * [.2126, .7152, .0722][place], 0);
  const ground = one => {
    for (; one; one = one.parentElement) {
      const colour = getComputedStyle(one).backgroundColor;
      if (parts(colour)[3] !== 0) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const texts = [...document.body.querySelectorAll('*')].filter(one =>
    [...one.childNodes].some(child => child.nodeType === 3 && child.data.trim()));
  return Math.min(...texts.map(one => {
    const pair = [light(getComputedStyle(one).color), light(ground(one))];
    return (Math.max(...pair) + .05) / (Math.min(...pair) + .05);
  }));
})()"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """One browser for all tests, or a skip."""
    program = find_chromium()
    if not program:
        pytest.skip("no chromium is installed: the page is not tested in a browser")
    with Chromium(program, tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture(scope="module", params=["real", "mini"])
def page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a page of two systems, several seeds and folds, with long names."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit"))
    from report_folders import PAPER, sum_up, write_run

    from speechbrain_ext.report.page import write_report

    exp = tmp_path_factory.mktemp("exp")
    known = {"source": request.param, "edition": {"real": "as published", "mini": "mini corpus"}[request.param]}
    known["hparams"] = "long_line: " + "x" * 400
    write_run(exp, protocol="random5", paper=PAPER, **known)
    folder = write_run(exp, protocol="random5", seed=2, **known)
    sum_up(folder)
    write_run(exp, system="am_resnet_w2v2_ca", row="a_row_with_a_long_name_" * 2, **known)
    write_report(exp / f"EmoDB-{request.param}", exp / "report.html")
    return (exp / "report.html").as_uri()


def faults(browser: Chromium, url: str, width: int, dark: bool = False) -> list[str]:
    """Say what is wrong with a page at a width."""
    browser.open(url, width, dark=dark)
    # What is closed must fit as well.
    browser.value("document.querySelectorAll('details').forEach(one => { one.open = true })")
    found = []
    inner, scroll = browser.value("[innerWidth, document.documentElement.scrollWidth]")
    if (inner, scroll > inner) != (width, False):
        found.append(f"the page is {scroll} wide in a window of {inner}")
    found += [f"scrolls in itself: {one}" for one in browser.value(SCROLLS)]
    images = browser.value(IMAGES)
    found += ["an image is not loaded" for is_loaded, _ in images if not is_loaded]
    found += ["an image has no alternative text" for _, alt in images if len(alt) < 30]
    found += [f"asks for {url}" for url in browser.requests() if not url.startswith(("file:", "data:"))]
    contrast = browser.value(CONTRAST)
    if contrast < 4.5:
        found.append(f"contrast of {contrast:.1f}")
    return found


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", WIDTHS)
def test_page_has_no_faults(browser: Chromium, page: str, width: int, dark: bool) -> None:
    assert faults(browser, page, width, dark) == []
    # The overview, and of each run confusion, classes, speakers, curves and reliability.
    assert len(browser.value(IMAGES)) == 1 + 3 * 5


def test_faults_are_found(browser: Chromium, tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text(
        '<!DOCTYPE html><meta name="viewport" content="width=device-width">'
        '<p style="width: 2000px; color: #999">wide</p>'
        '<img src="https://a.invalid/b.png">'
        '<pre style="overflow-x: auto">a</pre>'
    )
    for width in WIDTHS:
        found = " ".join(faults(browser, bad.as_uri(), width))
        for part in (
            " wide in a window",
            "not loaded",
            "no alternative text",
            "asks for https://a.inv",
            "contrast of 2.8",
            "scrolls in itself: <pre",
        ):
            assert part in found


@pytest.mark.parametrize("width", WIDTHS)
def test_every_stop_is_reached_by_the_tab_key_in_order(browser: Chromium, page: str, width: int) -> None:
    browser.open(page, width)
    count = browser.value(f"{STOPS}.length")
    assert count > 15
    reached = []
    for _ in range(count):
        browser.press("Tab")
        reached.append(browser.value(f"{STOPS}.indexOf(document.activeElement)"))
    assert reached == list(range(count))


def test_skip_link_comes_first_and_leads_to_the_results(browser: Chromium, page: str) -> None:
    browser.open(page, 390)
    browser.press("Tab")
    assert browser.value("document.activeElement.className") == "skip"
    left, right = browser.value("(box => [box.left, box.right])(document.activeElement.getBoundingClientRect())")
    assert 0 <= left < right <= 390
    browser.press("Enter")
    assert browser.value("document.activeElement.id") == "main"


def test_details_open_with_a_key(browser: Chromium, page: str) -> None:
    browser.open(page, 390)
    closed = browser.value("[...document.querySelectorAll('details')].map(one => one.open)")
    assert len(closed) >= 3 * 4 and not any(closed)
    for number in range(len(closed)):
        browser.value(f"document.querySelectorAll('summary')[{number}].focus()")
        browser.press("Enter")
        inside = f"document.querySelectorAll('details')[{number}].lastElementChild"
        assert browser.value(f"{inside}.checkVisibility() && {inside}.getBoundingClientRect().height > 20")


def test_banner_hides_nothing_that_a_link_leads_to(browser: Chromium, page: str) -> None:
    browser.open(page, 390)
    targets = browser.value("[...document.querySelectorAll('nav a, td a, th a')].map(one => one.hash)")
    assert len(targets) >= 3
    for target in targets:
        top, banner = browser.value(
            f"(location.hash = '{target}', [document.querySelector('{target}').getBoundingClientRect().top,"
            "document.querySelector('.mini')?.getBoundingClientRect().bottom ?? 0])"
        )
        assert top >= banner >= 0


def test_page_prints_with_all_that_is_folded_away(browser: Chromium, page: str) -> None:
    # A4 between margins is about 720 px wide.
    browser.open(page, 720, dark=True, media="print")
    assert browser.value("document.documentElement.scrollWidth <= innerWidth")
    assert browser.value("[...document.querySelectorAll('table, dl')].every(one => one.checkVisibility())")
    assert browser.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.value(CONTRAST) >= 4.5
    printed = browser.pdf()
    assert printed.startswith(b"%PDF") and len(re.findall(rb"/Type /Page\b", printed)) >= 4
