"""The site builds without a warning, and nothing on it leads nowhere."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.docs.conftest import ROOT


class Page(HTMLParser):
    """What a page links to, what it loads, and the places in it that can be linked to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.places: set[str] = set()
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.places |= {value for key, value in attributes if key in ("id", "name") and value}
        if tag == "a" and found.get("href"):
            self.links.add(found["href"])
        if tag in ("img", "script") and found.get("src"):
            self.loaded.add(found["src"])
        if tag == "link" and found.get("rel") in ("stylesheet", "icon", "preload"):
            self.loaded.add(found["href"])


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in site.rglob("*.html") if "_static" not in path.parts}


def test_every_link_and_picture_inside_the_site_exists(site, pages):
    missing = []
    for path, page in pages.items():
        for link in page.links | page.loaded:
            url = urlsplit(link)
            if url.scheme or url.netloc:
                continue
            target = (path.parent / unquote(url.path)).resolve() if url.path else path
            if not target.exists() or (
                url.fragment
                and target in pages
                and unquote(url.fragment) not in pages[target].places
            ):
                missing.append(f"{path.relative_to(site)}: {link}")
    assert len(pages) > 100
    assert not missing


def test_a_page_loads_nothing_from_another_server(site, pages):
    outside = {
        f"{path.relative_to(site)}: {link}"
        for path, page in pages.items()
        for link in page.loaded
        if urlsplit(link).netloc
    }
    assert not outside


def test_mathjax_is_there_with_its_licence(site):
    folder = site / "_static" / "mathjax"
    assert "Apache License" in (folder / "LICENSE").read_text()
    assert (folder / "tex-svg.js").stat().st_size > 1_000_000


def test_every_notebook_and_every_page_of_docs_is_a_page(site):
    notebooks = [f"notebooks/{path.stem}.html" for path in ROOT.glob("notebooks/*.ipynb")]
    texts = [
        str(path.relative_to(ROOT / "docs").with_suffix(".html"))
        for path in ROOT.glob("docs/**/*.md")
        if not path.relative_to(ROOT / "docs").parts[0].startswith("_")
    ]
    assert [name for name in notebooks + texts if not (site / name).exists()] == []
    course = Page(site / "course.html").links
    assert [name for name in notebooks if name not in course] == []


def test_every_public_name_of_the_formulas_and_layers_has_its_place(site):
    from scratchnet import layers
    from scratchnet.ops import formulas

    for package in (formulas, layers):
        short = package.__name__.removeprefix("scratchnet.")
        paths = [site / "api" / f"{short}.html", *(site / "api" / short).glob("*.html")]
        places = set().union(*(Page(path).places for path in paths))
        first_names = {getattr(package, name).__name__ for name in package.__all__}
        missing = {name for name in first_names if f"{package.__name__}.{name}" not in places}
        assert not missing


def test_a_notebook_shows_its_figures_and_not_their_names(site):
    """A figure that was stored without its picture reads "<Figure size 640x480 with 1 Axes>"."""
    named = [
        path.name
        for path in (site / "notebooks").glob("*.html")
        if "Figure size" in path.read_text()
    ]
    assert named == []
