"""Brings the course into the site: copies `notebooks/*.ipynb` to `docs/notebooks`, outputs and all.

Sphinx reads only what lies under `docs`. On the way three things are put right for a page that no
Python stands behind and that loads nothing from other servers:

- Links that leave the folder are one step longer from there.
- Widgets of ipywidgets are left out: their sliders would move nothing. The picture or the animation
  that stands beside each of them stays.
- Animations lose the icon font that matplotlib fetches; the theme has these icons already.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

WIDGET = "application/vnd.jupyter.widget-view+json"
ICON_FONT = re.compile(r"<link\b[^>]*font-awesome[^>]*>")


def moved(notebook: dict[str, Any]) -> dict[str, Any]:
    """The notebook as it has to be in `docs/notebooks`."""
    notebook["metadata"].pop("widgets", None)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            text = "".join(cell["source"])
            text = re.sub(r"\]\(\.\./(?!docs/)", "](../../", text)
            cell["source"] = text.replace("](../docs/", "](../")
        if "outputs" in cell:
            cell["outputs"] = [o for o in cell["outputs"] if WIDGET not in o.get("data", {})]
        for output in cell.get("outputs", []):
            if "text/html" in output.get("data", {}):
                html = "".join(output["data"]["text/html"])
                output["data"]["text/html"] = ICON_FONT.sub("", html)
    return notebook


def copy(source: Path, target: Path) -> None:
    """Make `target` hold the notebooks of `source`; touch none that is right already."""
    target.mkdir(exist_ok=True)
    names = {path.name for path in source.glob("*.ipynb")}
    for old in target.glob("*.ipynb"):
        if old.name not in names:
            old.unlink()
    for name in names:
        text = json.dumps(moved(json.loads((source / name).read_text())), ensure_ascii=False)
        if not (target / name).exists() or (target / name).read_text() != text:
            (target / name).write_text(text)


def setup(app: Any) -> dict[str, bool]:
    docs = Path(app.srcdir)
    app.connect("builder-inited", lambda app: copy(docs.parent / "notebooks", docs / "notebooks"))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
