# make demo           segment the sample cat and write the results, in .venv
# make test           all that is checked of what a plain installation does: lint, types, tests, the
#                     plugin in a real napari
# make test-quick     lint, types, and the tests that start neither Keras nor napari: within a minute
# make walks          ways that people take in napari, with a mouse, from a fresh window to the end;
#                     their pictures are then in build/walks
# make test-long      the walks, and at length or at full width what `make test` shows at less
# make test-backends  the network on PyTorch, which is installed, and on JAX if that is
# make test-all       all three, and which branches no test takes
# make lint           the quick part of it
# make docs           the documentation, in build/docs; warnings are errors, and no network is needed
#                     beside what is installed
# make clean          remove .venv and everything that was built
#
# PYTHON=/path/to/python3.12 chooses the interpreter, ARGS="--view" goes to the demo and
# ARGS="-k lattice" to the tests. WORKERS=1 runs one test at a time, as debuggers want it.

.NOTPARALLEL:
.SILENT:
.DELETE_ON_ERROR:
.PHONY: demo test test-quick walks test-long test-backends test-all forget-coverage system-packages lint docs clean

VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# A screen for napari where there is none; macOS has its own.
XVFB := $(if $(filter Darwin,$(shell uname -s)),,xvfb-run -a)

# Each worker imports TensorFlow, and so do processes that it starts; where VGG-16 has its full width
# that takes 4 GB. More workers want more.
WORKERS := 2
COVERAGE :=
PYTEST = $(BIN)/python -m pytest $(COVERAGE)
# What napari, npe2 and Qt bring to pytest takes each process three seconds, and is for windows alone.
PYTEST_WITHOUT_WINDOWS = $(PYTEST) --ignore=tests/ui $(foreach \
	plugin,napari napari-plugin-engine npe2 pytest-qt,-p no:$(plugin))
PARALLEL = $(if $(filter 1,$(WORKERS)),,--numprocesses=$(WORKERS) --dist=worksteal)

# Of what is tested without Keras and without a viewer.
QUICK_TESTS := tests/crf tests/data tests/model tests/results tests/test_architecture.py \
	tests/test_atomic_files.py tests/test_manifest.py tests/test_quoting.py \
	tests/test_sample_data.py tests/test_settings.py
# These start the backends themselves, or are about TensorFlow's own operations.
ONE_BACKEND := --ignore=tests/fcn/test_backends.py --ignore=tests/fcn/test_large_kernels.py

demo: $(VENV)/.installed
	$(BIN)/napari-fcn-crf demo $(ARGS)

# TensorFlow and the graphics driver do not bear each other in one process, hence two runs.
test: system-packages lint
	$(PYTEST_WITHOUT_WINDOWS) $(PARALLEL) -m "not backends and not long" $(ARGS)
	$(XVFB) $(PYTEST) $(PARALLEL) -m "not long" tests/ui $(ARGS)

test-quick: lint
	$(PYTEST_WITHOUT_WINDOWS) $(PARALLEL) $(QUICK_TESTS) $(ARGS)

# One at a time: a screen has one pointer, and a drag of one test would be seen by another's window.
walks: system-packages $(VENV)/.installed-for-tests
	WALKS=build/walks $(XVFB) $(PYTEST) tests/ui/walks $(ARGS)

test-long: system-packages $(VENV)/.installed-for-tests
	$(PYTEST_WITHOUT_WINDOWS) $(PARALLEL) -m "long and not backends" $(ARGS)
	$(XVFB) $(PYTEST) -m long tests/ui $(ARGS)

# A process has one backend. What compares them starts them itself.
# In one thread each: several of PyTorch's add up in the order in which they are done, and what is to be
# the same twice is so to seven digits only.
test-backends: $(VENV)/.installed-for-backends
	$(PYTEST_WITHOUT_WINDOWS) -m backends $(ARGS)
	for backend in torch jax; do \
		if $(BIN)/python -c "import importlib.util as u; exit(not u.find_spec('$$backend'))"; then \
			KERAS_BACKEND=$$backend OMP_NUM_THREADS=1 $(PYTEST_WITHOUT_WINDOWS) $(PARALLEL) tests/fcn $(ONE_BACKEND) $(ARGS) || exit; \
		else \
			echo "$$backend is not installed in $(VENV), and so not tested."; \
		fi; \
	done

test-all: COVERAGE := --cov --cov-append --cov-report=
test-all: forget-coverage test test-long test-backends
	NUMBA_DISABLE_JIT=1 $(PYTEST_WITHOUT_WINDOWS) $(PARALLEL) tests/crf $(ARGS)
	sh scripts/report_coverage.sh $(BIN)/python 85

forget-coverage: $(VENV)/.installed-for-tests
	$(BIN)/python -m coverage erase

# Before anything that takes minutes.
system-packages: | $(BIN)/python
	sh scripts/system_packages.sh $(BIN)/python compiler display

lint: $(VENV)/.installed-for-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.installed-for-docs
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet --builder html --conf-dir docs/generate docs build/docs
	echo "Open build/docs/index.html."

clean:
	rm -rf $(VENV) build dist docs/generated *.egg-info .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	python=$$(sh scripts/find_python.sh) \
	&& sh scripts/system_packages.sh "$$python" venv \
	&& "$$python" -m venv --clear $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	echo "Installing napari-fcn-crf and what it needs into $(VENV); TensorFlow is large, so this takes minutes."
	$(PIP_INSTALL) --editable .
	touch $@

$(VENV)/.installed-for-tests: pyproject.toml | $(BIN)/python
	sh scripts/system_packages.sh $(BIN)/python compiler
	echo "Installing napari-fcn-crf and what its tests need into $(VENV); this takes minutes."
	$(PIP_INSTALL) --editable '.[test,pydensecrf]'
	touch $@ $(VENV)/.installed

$(VENV)/.installed-for-docs: pyproject.toml | $(BIN)/python
	$(PIP_INSTALL) --editable '.[docs]'
	touch $@ $(VENV)/.installed

# Without --no-deps pip would look for what PyTorch needs in PyTorch's index alone, and with pip's
# configuration in other indexes for PyTorch. Where that one has no build, or cannot be reached, the
# second line takes PyPI's.
$(VENV)/.installed-for-backends: $(VENV)/.installed-for-tests
	echo "Installing PyTorch into $(VENV)."
	PIP_CONFIG_FILE=/dev/null $(PIP_INSTALL) --no-deps \
		--index-url https://download.pytorch.org/whl/cpu torch || true
	$(PIP_INSTALL) --editable '.[test,pydensecrf,test-backends]'
	touch $@
