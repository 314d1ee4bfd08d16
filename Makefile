# Each target sets up what it needs in .venv, once; `make clean` forgets it.
PYTHON ?= python3
BIN := .venv/bin
CPP := $(shell find cpp -name '*.cpp' -o -name '*.h' -o -name '*.inl')

.PHONY: run test lint bench format clean

run: .venv/.package
	$(BIN)/nablanet train digits

test: .venv/.test
	$(BIN)/pytest

lint: .venv/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/clang-format --dry-run --Werror $(CPP)

bench: .venv/.bench
	$(BIN)/python -m benchmarks

format: .venv/.lint
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(CPP)

clean:
	rm -rf .venv build

.venv/bin/python:
	$(PYTHON) -m venv .venv

# the build changes when the C++ or the packaging does; Python files are used where they lie
.venv/.package: .venv/bin/python pyproject.toml CMakeLists.txt $(CPP)
	@echo "Setting up .venv: this builds the engine, a minute or so, once"
	$(BIN)/pip install --quiet --editable '.[plot]'
	touch $@

.venv/.test: .venv/.package
	$(BIN)/pip install --quiet --editable '.[test]'
	touch $@

.venv/.lint: .venv/.package
	$(BIN)/pip install --quiet --editable '.[lint]'
	touch $@

.venv/.bench: .venv/.package
	$(BIN)/pip install --quiet --editable '.[bench]'
	touch $@
