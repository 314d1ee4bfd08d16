# Each target sets up what it needs in .venv, once; `make clean` forgets it.
PYTHON ?= python3
BIN := .venv/bin
BUILD := build/package
CPP := $(shell find cpp tests/cpp -name '*.cpp' -o -name '*.h' -o -name '*.inl')

.PHONY: run test fuzz test-allocations test-arm test-sanitized wheel lint bench format clean

run: .venv/.package
	$(BIN)/nablanet train digits

test: .venv/.test
	$(BIN)/pytest

# looks for a model file that does harm; needs a system that atheris has wheels for
SECONDS ?= 60
fuzz: .venv/.fuzz
	$(BIN)/python tests/fuzz_files.py $(SECONDS)

# needs Debian's g++-aarch64-linux-gnu and qemu-user
test-arm: .venv/.package
	$(BIN)/cmake --build $(BUILD) --target bits
	$(BIN)/cmake -S . -B build/arm -DNABLANET_PYTHON=OFF -DCMAKE_SYSTEM_NAME=Linux \
	  -DCMAKE_SYSTEM_PROCESSOR=aarch64 -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ \
	  -DCMAKE_EXE_LINKER_FLAGS=-static
	$(BIN)/cmake --build build/arm --parallel 2 --target bits
	$(BUILD)/bits > $(BUILD)/bits.txt
	qemu-aarch64 build/arm/bits neon 4 > build/arm/bits.txt
	cmp $(BUILD)/bits.txt build/arm/bits.txt
	@echo "$$(wc -l < build/arm/bits.txt) results have the same bits on both machines"

# needs the C library of GNU
test-allocations: .venv/.package
	$(BIN)/cmake --build $(BUILD) --target allocations
	$(BUILD)/allocations

# the C++ programs under the compiler's sanitizers, on every instruction set of this machine; setarch
# keeps addresses where GCC's thread sanitizer expects them
test-sanitized: .venv/.tools
	for checks in address,undefined thread; do \
	  $(BIN)/cmake -S . -B build/$$checks -DNABLANET_PYTHON=OFF -DNABLANET_SANITIZE=$$checks && \
	  $(BIN)/cmake --build build/$$checks --parallel 2 --target bits team || exit 1; \
	done
	setarch -R build/thread/team
	build/address,undefined/team > build/isas.txt
	build/address,undefined/bits > build/wanted.txt
	for isa in $$(cat build/isas.txt); do \
	  for run in build/address,undefined/bits "setarch -R build/thread/bits"; do \
	    $$run $$isa 4 > build/found.txt && cmp build/found.txt build/wanted.txt || exit 1; \
	  done; \
	done

# the source distribution, the wheel that is built from it, and the wheel tried alone in an environment of
# its own
wheel: .venv/.build
	rm -rf dist
	$(BIN)/python -m build --outdir dist
	$(BIN)/python tests/check_wheel.py dist

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
	rm -rf .venv build dist

.venv/bin/python:
	$(PYTHON) -m venv .venv

# what builds the package, kept, so that it compiles only what has changed
.venv/.tools: .venv/bin/python pyproject.toml
	@echo "Setting up .venv: this builds the engine, two minutes or so, once"
	$(BIN)/pip install --quiet cmake ninja $$($(BIN)/python -c \
	  'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"])')
	touch $@

# the build changes when the C++ or the packaging does; Python files are used where they lie
.venv/.package: .venv/.tools pyproject.toml CMakeLists.txt $(CPP)
	$(BIN)/pip install --quiet --no-build-isolation --no-deps --config-settings=build-dir=$(BUILD) --editable .
	$(BIN)/pip install --quiet 'nablanet[plot]'
	touch $@

# the package is there: these add what its extras need
.venv/.test .venv/.lint .venv/.bench: .venv/.%: .venv/.package
	$(BIN)/pip install --quiet 'nablanet[$*]'
	touch $@

.venv/.fuzz: .venv/.test
	$(BIN)/pip install --quiet atheris==3.0.0
	touch $@

.venv/.build: .venv/bin/python
	$(BIN)/pip install --quiet build
	touch $@
