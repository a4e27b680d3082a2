"""Make the notebooks `NN_slug.ipynb` from `NN_slug.py`, execute them, and keep their outputs.

    python notebooks/build.py            all
    python notebooks/build.py 03 07      some

The source is the `.py` file, in jupytext's percent format. What is stored is the same whoever runs
it: cells are numbered, outputs carry no times, and widgets, which are dead on a page, stay out.
"""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

FOLDER = Path(__file__).parent
LIMIT = 120  # seconds that a notebook may take
ENVIRONMENT = {
    "SCRATCHNET_STATIC_NOTEBOOKS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "-1",  # the same numbers with and without a GPU
    "PYTHONHASHSEED": "0",
    "OPENBLAS_NUM_THREADS": "1",  # the same sums on any number of cores, and none that wait
}
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
_NOTICE = "scratchnet compiles its kernels"  # the first run on a machine says so, and no other
_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b")


def sources() -> list[Path]:
    """The `.py` files of the course, in order."""
    return sorted(FOLDER.glob("[0-9][0-9]_*.py"))


def without_outputs(source: Path) -> nbformat.NotebookNode:
    """The notebook that a `.py` file stands for, with cells called "cell-00", "cell-01", …"""
    read = jupytext.read(source, fmt="py:percent")
    cells = []
    for number, cell in enumerate(read.cells):
        kept = {key: value for key, value in cell.metadata.items() if key in ("tags",)}
        make = (
            nbformat.v4.new_code_cell if cell.cell_type == "code" else nbformat.v4.new_markdown_cell
        )
        cells.append(make(cell.source, id=f"cell-{number:02d}", metadata=kept))
    return nbformat.v4.new_notebook(cells=cells, metadata=METADATA)


def executed(source: Path) -> nbformat.NotebookNode:
    """The notebook with its outputs, run from a fresh kernel of the Python that runs this.

    Raises nbclient's CellExecutionError where a cell raises, and ValueError for an output that
    would be another one next time, or a warning.
    """
    notebook = without_outputs(source)
    specs = KernelSpecManager(kernel_dirs=[])  # none but the running Python's own
    manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=specs)
    client = NotebookClient(
        notebook,
        km=manager,
        timeout=LIMIT,
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--IPKernelApp.log_level=40"],  # errors only
        resources={"metadata": {"path": str(FOLDER)}},
    )
    client.execute(env=os.environ | ENVIRONMENT, cleanup_kc=True)
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [each for each in cell.outputs if not _is_notice(each)]
        for output in cell.get("outputs", []):
            fault = fault_of(output)
            if fault:
                raise ValueError(f"{source.name}, {cell.id}: {fault}")
    return notebook


def _is_notice(output: Any) -> bool:
    is_stderr = output.output_type == "stream" and output.name == "stderr"
    return is_stderr and output.text.startswith(_NOTICE) and output.text.count("\n") == 1


def fault_of(output: Any) -> str:
    """What a stored output must not be; "" where all is well."""
    if output.output_type == "error":
        return f"an error is stored: {output.ename}: {output.evalue}"
    if output.output_type == "stream":
        if output.name == "stderr":
            return f"stderr is stored: {output.text[:200]!r}"
        texts = [output.text]
    else:
        texts = [text for kind, text in output.data.items() if kind.startswith("text/")]
    for text in texts:
        found = _ADDRESS.search("".join(text))
        if found:
            return f"an address is stored, which is another one next time: {found.group()}"
    return ""


def write(notebook: nbformat.NotebookNode, target: Path) -> None:
    """Store a notebook, if it is valid, always in the same order and with a line's end."""
    nbformat.validate(notebook)
    text = nbformat.writes(notebook).rstrip("\n") + "\n"
    target.write_text(text, encoding="utf-8")


def main(numbers: list[str]) -> None:
    """Build the notebooks with these numbers, or all."""
    chosen = [path for path in sources() if not numbers or path.name[:2] in numbers]
    if not chosen:
        known = ", ".join(path.name[:2] for path in sources())
        raise SystemExit(f"There is no notebook {' '.join(numbers)}. Expected some of {known}.")
    for source in chosen:
        begin = time.perf_counter()
        write(executed(source), source.with_suffix(".ipynb"))
        print(f"{source.stem}: {time.perf_counter() - begin:.0f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
