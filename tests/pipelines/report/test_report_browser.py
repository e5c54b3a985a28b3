"""The page as a browser shows it, on a phone and on a desk, by day and by night. Needs a Chromium."""

from pathlib import Path
from typing import Any

import pytest

from pipelines.report.write import write_report

SIZES = [(390, 844), (1280, 900)]
SMALLEST = 10.5  # CSS pixels of the smallest letter in a drawing on a phone

WIDE = """[...document.querySelectorAll('body *')]
  .filter(one => !one.closest('.box') && !one.closest('svg') && one.getBoundingClientRect().right > innerWidth + 1)
  .map(one => one.outerHTML.slice(0, 80))"""
DRAWN = """[...document.querySelectorAll('figure svg')].map(svg => {
  const box = svg.getBoundingClientRect(); return Math.min(box.width, box.height) })"""
LETTERS = "[...document.querySelectorAll('svg text')].map(text => text.getBoundingClientRect().height)"
OVERLAPS = """[...document.querySelectorAll('figure svg')].flatMap(svg => {
  const boxes = [...svg.querySelectorAll('text')].map(text => [text.textContent, text.getBoundingClientRect()])
  return boxes.flatMap(([one, a], place) => boxes.slice(place + 1)
    .filter(([other, b]) => a.left < b.right - 1 && b.left < a.right - 1
                         && a.top < b.bottom - 3 && b.top < a.bottom - 3)
    .map(([other]) => svg.getAttribute('aria-label').slice(0, 30) + ': ' + one + ' / ' + other)) })"""
OUTSIDE = """[...document.querySelectorAll('figure svg')].flatMap(svg => {
  const frame = svg.getBoundingClientRect()
  return [...svg.querySelectorAll('text')].filter(text => {
    const box = text.getBoundingClientRect(); return box.left < frame.left - 2 || box.right > frame.right + 2
  }).map(text => text.textContent) })"""
COLOURS = "['color', 'backgroundColor'].map(name => getComputedStyle(document.body)[name])"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ["run", "scored", "crowded"])
def test_the_page_fits_the_window_and_every_picture_is_drawn(
    browser: Any, request: pytest.FixtureRequest, kind: str, size: tuple[int, int]
) -> None:
    browser.open(write_report(request.getfixturevalue(kind)), width=size[0], height=size[1])
    assert browser.value("innerWidth") == size[0]
    assert browser.value("document.documentElement.scrollWidth") <= size[0]
    assert browser.value(WIDE) == []
    drawn = browser.value(DRAWN)
    assert len(drawn) >= 7
    assert min(drawn) > 60
    assert min(browser.value(LETTERS)) >= SMALLEST
    assert browser.value(OVERLAPS) == []
    assert browser.value(OUTSIDE) == []


def test_the_numbers_that_matter_can_be_seen(browser: Any, finished: Path) -> None:
    browser.open(finished / "report.html", width=390, height=844)
    shown = browser.value("document.body.innerText")
    for number in ("88.0 ± 0.4 %", "73 %", "45.0 ×", "30.0 ×", "8.0 points", "88.00 ± 0.40"):
        assert number in shown
    assert browser.value("document.title") == "x: potstill report"


def test_a_text_with_a_script_is_only_a_text(browser: Any, finished: Path) -> None:
    browser.open(finished / "report.html", width=390, height=844)
    assert browser.value("document.scripts.length") == 0
    assert "<script>alert('x')</script>" in browser.value("document.body.innerText")


def test_night_is_dark_and_day_is_light(browser: Any, finished: Path) -> None:
    page = finished / "report.html"
    browser.open(page, width=390, height=844)
    ink, paper = browser.value(COLOURS)
    browser.open(page, width=390, height=844, dark=True)
    night_ink, night_paper = browser.value(COLOURS)
    assert brightness(ink) < 80 < 200 < brightness(paper)
    assert brightness(night_paper) < 80 < 200 < brightness(night_ink)
    bars = "getComputedStyle(document.querySelector('svg[aria-label^=Rows] path[style*=plain]')).fill"
    assert brightness(browser.value(bars)) > 100  # drawings follow too


def brightness(colour: str) -> float:
    """Mean of red, green and blue of `rgb(1, 2, 3)`."""
    numbers = colour.partition("(")[2].rstrip(")").split(",")[:3]
    return sum(map(float, numbers)) / 3
