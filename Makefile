# Two commands on a fresh machine: `make demo` and `make test`. Each makes the environment it needs.
SHELL  := /bin/sh
VENV   := .venv
BIN    := $(VENV)/bin
# The first interpreter on the path that is new enough and can make an environment.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
ARGS   ?=
# The official SDK, the referee of our drop-in, in an environment of its own: its wishes are not ours.
SDK      := .venv-sdk
SDK_WANT := edgeimpulse==1.0.20 edgeimpulse-api==1.96.3 numpy pandas

.PHONY: help demo test check env sdk docs format bench bench-data clean

help:
	@echo "make demo          see files travel into the emulator (ARGS=--once: the same, then end)"
	@echo "make test          run all tests"
	@echo "make check         formatting, lint, types, layers"
	@echo "make bench         start-up cost of the library and of 'eisync status'"
	@echo "make bench-data    the data API beside the official SDK (ARGS='--only loopback': a part of it)"
	@echo "make docs          redraw what the README takes from the code"
	@echo "make format        let ruff format the sources"
	@echo "make sdk           the official SDK in $(SDK), which the tests and the benchmark compare with"
	@echo "make clean         remove the environments"

# Installed anew when pyproject.toml changes; the stamp is written last, so a broken install is tried again.
$(VENV)/.stamp: pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 or newer with its venv module was found; install it, or say make PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "Making the environment in $(VENV) with $(PYTHON); this takes a minute the first time."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

env: $(VENV)/.stamp

# Made anew when the wish changes: the stamp is named after it.
SDK_STAMP := $(SDK)/.stamp-$(subst ==,-,$(subst $() ,_,$(SDK_WANT)))

$(SDK_STAMP):
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 or newer with its venv module was found; install it, or say make PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "Making the environment of the official SDK in $(SDK) with $(PYTHON); this takes a minute the first time."
	@$(PYTHON) -m venv $(SDK)
	@$(SDK)/bin/python -m pip install --quiet --disable-pip-version-check $(SDK_WANT)
	@touch $@

sdk: $(SDK_STAMP)

demo: env
	@$(BIN)/eisync demo $(ARGS)

test: env sdk
	$(BIN)/python -m pytest -n 2 $(ARGS)

check: env
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_layers.py

bench: env
	$(BIN)/python benchmarks/startup.py

bench-data: env sdk
	$(BIN)/python benchmarks/data_api.py $(ARGS)

docs: env
	$(BIN)/python docs/generate.py

format: env
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) $(SDK)
