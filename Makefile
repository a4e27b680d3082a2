# Each target does all of its own set-up, in .venv inside this folder.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: test demo docs notebooks bench clean

test: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/mypy
	HYPOTHESIS_PROFILE=$${HYPOTHESIS_PROFILE:-ci} $(BIN)/python -m pytest -n 2

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

demo: $(VENV)/installed
	$(BIN)/scratchnet compare $(ARGS)

# The site, into docs/_build; any warning is an error.
docs: $(VENV)/installed
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --jobs 2 docs docs/_build/html
	@echo "Open docs/_build/html/index.html"

# The course: notebooks/*.ipynb from the .py files, executed; one with ONLY=03.
notebooks: $(VENV)/installed
	$(BIN)/python notebooks/build.py $(ONLY)

bench: $(VENV)/installed-bench
	$(BIN)/python -m benchmarks all $(ARGS)

$(VENV)/installed-bench: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[bench]"
	touch $@

clean:
	rm -rf $(VENV)
