# Each target does all of its own set-up, in .venv inside this folder.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: test demo docs clean

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
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --jobs 2 docs docs/_build
	@echo "Open docs/_build/index.html"

clean:
	rm -rf $(VENV)
