"""The site, built once for all tests that look at it."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OPTIONS = ["--fail-on-warning", "--keep-going", "--quiet", "--jobs", "2"]
sys.path.insert(0, str(ROOT / "docs" / "_ext"))


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of pages, built with every warning an error.

    With pytest-xdist each worker asks for it; the first to come builds and the others wait.
    """
    shared = tmp_path_factory.getbasetemp()
    if shared.name.startswith("popen-"):  # a worker's own folder
        shared = shared.parent
    pages, log = shared / "site" / "html", shared / "site.log"
    with open(shared / "site.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not log.exists():
            run = subprocess.run(
                [sys.executable, "-m", "sphinx", *OPTIONS, str(ROOT / "docs"), str(pages)],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            failed = f"exit status {run.returncode}\n{run.stdout}"
            log.write_text(failed if run.returncode else "")
    assert not log.read_text(), f"Sphinx: {log.read_text()}"
    return pages
