"""Writes the sources of the API's pages into `docs/api` before Sphinx reads them.

A package gets a page that lists its files with their public names. A file of the package gets a
page with its docstring, where the formulas are, below it every public name that it defines, and
the code. A name is described where a user imports it from: `scratchnet.layers.Conv2D`, though
`scratchnet/layers/convolution.py` defines it.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from pathlib import Path
from types import ModuleType
from typing import Any

from docstrings import restructured

ROOT = Path(__file__).parents[2]
# The packages and modules of `scratchnet` are found by themselves; these stand deeper or beside it.
MORE = ("scratchnet.ops.formulas", "scratchnet.optimizers.schedules", "reference")


def packages() -> list[str]:
    """Full names of the packages and modules that make up the public interface."""
    root = importlib.import_module("scratchnet")
    modules = {name for name in root.__all__ if inspect.ismodule(getattr(root, name))}
    modules |= {found.name for found in pkgutil.iter_modules(root.__path__) if found.ispkg}
    return sorted({f"scratchnet.{name}" for name in modules - {"ops"}} | {*MORE})


def public_names(package: ModuleType) -> dict[str, Any]:
    """What a package lists in `__all__`; without it, what a module itself defines. In the order
    of the files, so that a function stands before its gradient."""
    if hasattr(package, "__all__"):
        named = {name: getattr(package, name) for name in package.__all__}
        found = {name: value for name, value in named.items() if not inspect.ismodule(value)}
        return dict(sorted(found.items(), key=lambda item: (_line(item[1]), item[0].lower())))
    return {
        name: value
        for name, value in vars(package).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == package.__name__
    }


def _line(value: Any) -> int:
    try:
        return inspect.getsourcelines(value)[1]
    except (OSError, TypeError):  # neither a class nor a function
        return 0


def pages(name: str) -> dict[str, str]:
    """{path below `docs/api`: text} of one package."""
    package = importlib.import_module(name)
    short = name.removeprefix("scratchnet.")
    links: dict[str, list[str]] = {}  # {file: links to all that it defines}
    entries: dict[str, list[str]] = {}  # {file: what is described on its page}
    for public, value in public_names(package).items():
        home = getattr(value, "__module__", None) or name
        first_name = getattr(value, "__name__", public)
        ours = home == name or home.startswith(f"{name}.")
        target = f"{name if ours else home}.{first_name}"
        links.setdefault(home, []).append(f":py:obj:`{public} <{target}>`")
        if ours and (first_name == public or not hasattr(package, first_name)):
            entries.setdefault(home, []).append(public)
    files = {home: home.removeprefix(f"{name}.") for home in entries if home != name}
    result = {
        f"{short}/{file}": _file_page(name, home, entries[home]) for home, file in files.items()
    }
    result[short] = _package_page(name, files, links, entries.get(name, []))
    return result


def _docstring(module: str) -> list[str]:
    return restructured(inspect.getdoc(importlib.import_module(module)).splitlines())


def _code(home: str) -> list[str]:
    """The file itself, from below its docstring."""
    module = importlib.import_module(home)
    source = inspect.getsource(module)
    first = ast.parse(source).body[1].lineno
    path = Path(module.__file__).relative_to(ROOT)
    return [
        "The code",
        "--------",
        "",
        f".. literalinclude:: /../{path}",
        "   :language: python",
        f"   :caption: {path}",
        "   :linenos:",
        "   :lineno-match:",
        f"   :lines: {first}-",
        "",
    ]


def _title(home: str) -> str:
    return home.rpartition(".")[2].replace("_", " ").capitalize()


def _file_page(package: str, home: str, names: list[str]) -> str:
    title = _title(home)
    return "\n".join(
        [title, "=" * len(title), "", *_docstring(home), *_entries(package, names), *_code(home)]
    )


def _package_page(
    name: str, files: dict[str, str], links: dict[str, list[str]], own: list[str]
) -> str:
    """A list of the files, each with its first line and its names, and what stands in none."""
    short = name.removeprefix("scratchnet.")
    lines = [short, "=" * len(short), "", *_docstring(name)]
    if files:
        lines += [".. rst-class:: files", ""]
        for home, file in sorted(files.items()):
            lines += [f":doc:`{_title(home)} <{short}/{file}>`"]
            lines += [f"   {_first_line(importlib.import_module(home))}", ""]
            lines += [f"   {', '.join(links[home])}", ""]
        lines += [".. toctree::", "   :hidden:", ""]
        lines += [f"   {short}/{file}" for file in sorted(files.values())]
        lines.append("")
    others = [link for home, found in links.items() if home not in {name, *files} for link in found]
    if others:
        lines += ["Also here, from other parts of the library: " + ", ".join(others) + ".", ""]
    return "\n".join(lines + _entries(name, own))


def _entries(package: str, names: list[str]) -> list[str]:
    module, lines = importlib.import_module(package), []
    for public in names:
        value = getattr(module, public)
        if inspect.isclass(value):
            lines += [f".. autoclass:: {package}.{public}", "   :members:", ""]
        elif inspect.isroutine(value):
            lines += [f".. autofunction:: {package}.{public}", ""]
        elif hasattr(module, "__all__"):
            lines += [f".. autodata:: {package}.{public}", "   :no-value:", ""]
    return lines


def _first_line(value: Any) -> str:
    paragraph = (inspect.getdoc(value) or "").split("\n\n")[0]
    return restructured([" ".join(paragraph.split())])[0].removesuffix(":")


def write(folder: Path) -> None:
    """Write every page; leave alone what is right already, so that Sphinx need not read it."""
    wanted = {}
    for package in packages():
        for path, text in pages(package).items():
            wanted[folder / f"{path}.rst"] = text + "\n"
    for path in folder.rglob("*.rst"):
        if path not in wanted:
            path.unlink()
    for path, text in wanted.items():
        if not path.exists() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


def setup(app: Any) -> dict[str, bool]:
    app.connect("builder-inited", lambda app: write(Path(app.srcdir) / "api"))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
