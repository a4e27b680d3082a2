"""How Sphinx builds the site: `make docs`."""

import logging
import shutil
import sys
import tomllib
from importlib.resources import as_file, files
from pathlib import Path

from sphinx.application import Sphinx

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "_ext"))
project_table = tomllib.loads((DOCS.parent / "pyproject.toml").read_text())["project"]

project = "scratchnet"
author = "the scratchnet authors"
project_copyright = author
version = release = project_table["version"]

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "myst_nb",
    "sphinx_design",
    "docstrings",
    "api_pages",
    "course_pages",
]
exclude_patterns = ["_build", "_ext", "jupyter_execute"]
# A pattern of a table of contents may find nothing: some pages are made by other commands.
logging.getLogger("sphinx.sphinx.directives.other").addFilter(
    lambda record: getattr(record, "subtype", None) != "empty_glob"
)

# Pages in Markdown
myst_enable_extensions = ["colon_fence", "dollarmath", "amsmath", "attrs_inline", "attrs_block"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the notebooks carry their outputs, and the tests run them

# The API from the docstrings
autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False  # an overridden method is described where it is defined
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True
add_module_names = False
toc_object_entries_show_parents = "hide"
napoleon_custom_sections = [("Call arguments", "params_style")]
napoleon_use_ivar = True
napoleon_use_rtype = False

# Formulas are typeset by a MathJax that lies beside the pages.
mathjax_path = "mathjax/tex-svg.js"
mathjax3_config = {"svg": {"fontCache": "global"}}

# The look
html_theme = "sphinx_book_theme"
html_title = "scratchnet"
html_logo = html_favicon = "_static/logo.svg"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_context = {"default_mode": "auto"}  # light or dark as the reader's system
html_theme_options = {
    "logo": {"text": "scratchnet"},
    "collapse_navbar": True,  # only the part of the tree where the reader is
    "show_toc_level": 2,
    "navbar_persistent": [],  # the search field is in the sidebar
    "use_download_button": False,
    "use_fullscreen_button": False,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}

# The address of the repository has one home, `[project.urls]` in pyproject.toml. Where it stands
# there, pages link to it, and each notebook has a button that opens it in Colab.
repository = project_table.get("urls", {}).get("Repository")
if repository:
    html_theme_options |= {
        "repository_url": repository,
        "repository_branch": "main",
        "use_repository_button": True,
        "launch_buttons": {"colab_url": "https://colab.research.google.com"},
    }


def place_mathjax(app: Sphinx) -> None:
    """Put MathJax, and its licence (Apache 2.0), beside the pages."""
    target = Path(app.outdir) / "_static" / "mathjax"
    target.mkdir(parents=True, exist_ok=True)
    with as_file(files("mathjax") / "static" / "mathjax") as source:
        for name in ("LICENSE", "es5/tex-svg.js"):
            shutil.copy(source / name, target)


def setup(app: Sphinx) -> None:
    app.connect("builder-inited", place_mathjax)
