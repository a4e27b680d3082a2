"""What a reader sees: pages render, formulas are typeset, animations move, nothing goes wrong.

It needs Chromium (Debian: `apt-get install chromium`) and is skipped where there is none; in
continuous integration its absence is a failure.
"""

from __future__ import annotations

import os
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.docs.browser import Browser
from tests.docs.conftest import ROOT

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"),
    reason="no chromium here: `apt-get install chromium` brings it",
)
PAGES = [
    "index.html",
    "course.html",
    "proof.html",
    "measure.html",
    "design.html",
    "from_keras.html",
    "coverage.html",
    "changelog.html",
    "api.html",
    "api/ops.formulas.html",
    "api/ops.formulas/convolution.html",
    "api/layers/attention.html",
]
OPTIONAL = [path.stem for path in sorted(ROOT.glob("docs/visualization*.md"))]
NOTEBOOKS = [path.stem for path in sorted(ROOT.glob("notebooks/*.ipynb"))]
ALL = PAGES + [f"{name}.html" for name in OPTIONAL] + [f"notebooks/{n}.html" for n in NOTEBOOKS]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if CHROMIUM is None:
        pytest.fail("No chromium here; continuous integration has to install it.")
    with Browser(CHROMIUM, tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def address(site):
    """Where the site is served: on this machine, as long as the tests last."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("page", ALL)
def test_a_page_renders_without_an_error_or_a_request_elsewhere(browser, address, page):
    browser.open(f"{address}/{page}")
    assert browser.troubles == []
    elsewhere = [u for u in browser.requests if not u.startswith((address, "data:", "blob:"))]
    assert elsewhere == []
    assert browser.run("document.querySelector('h1').innerText.length") > 2
    broken = "[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)"
    assert browser.run(broken) == []
    untypeset = "[...document.querySelectorAll('.math')].filter(m => !m.querySelector('svg'))"
    assert browser.run(f"{untypeset}.map(m => m.innerText)") == []
    assert browser.run("document.querySelectorAll('[data-mml-node=merror]').length") == 0


@pytest.mark.parametrize("page", ALL)
def test_a_page_is_no_wider_than_a_phone(browser, address, page):
    browser.open(f"{address}/{page}", width=390, height=844)
    assert browser.run("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("page", ["index.html", "proof.html", "design.html"])
def test_formulas_are_typeset_by_mathjax(browser, address, page):
    browser.open(f"{address}/{page}")
    assert browser.run("document.querySelectorAll('.math mjx-container > svg').length") >= 2


def test_each_door_of_the_landing_page_opens(browser, address):
    browser.open(f"{address}/index.html")
    doors = browser.run("[...document.querySelectorAll('.door a')].map(a => a.href)")
    assert [door.rpartition("/")[2] for door in doors] == [
        "course.html",
        "proof.html",
        "measure.html",
    ]


def test_the_search_finds_a_layer(browser, address):
    browser.open(f"{address}/search.html?q=MaxPooling2D")
    found = """new Promise(resolve => {
        const look = () => {
            const links = [...document.querySelectorAll('#search-results li a')];
            links.length ? resolve(links.map(a => a.href)) : setTimeout(look, 50);
        };
        look();
        setTimeout(() => resolve([]), 20000);
    })"""
    assert any("api/layers/pooling.html" in link for link in browser.run(found))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_keeps_its_sliders_and_its_animations_move(browser, address, name):
    text = (ROOT / "notebooks" / f"{name}.ipynb").read_text()
    browser.open(f"{address}/notebooks/{name}.html")
    ranges = browser.run("document.querySelectorAll('input[type=range]').length")
    assert bool(ranges) == ('type=\\"range\\"' in text)
    moved = """[...document.querySelectorAll('.animation')].map(animation => {
        const image = animation.querySelector('img'), slider = animation.querySelector('input');
        const before = image.src;
        slider.value = slider.max;
        slider.dispatchEvent(new Event('input'));
        return image.src !== before;
    })"""
    assert all(browser.run(moved))
