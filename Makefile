# make demo   segment the sample cat and write the results, in .venv
# make test   everything that is checked: lint, types, tests, the plugin in a real napari
# make lint   the quick part of it
# make clean  remove .venv and everything that was built
#
# PYTHON=/path/to/python3.12 chooses the interpreter, ARGS="--view" goes to the demo and
# ARGS="-k lattice" to the tests.

.NOTPARALLEL:
.SILENT:
.DELETE_ON_ERROR:
.PHONY: demo test system-packages lint clean

VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# A screen for napari where there is none; macOS has its own.
XVFB := $(if $(filter Darwin,$(shell uname -s)),,xvfb-run -a)

demo: $(VENV)/.installed
	$(BIN)/napari-fcn-crf demo $(ARGS)

# TensorFlow and the graphics driver do not bear each other in one process, and a process has one
# backend, hence three runs. What compares the backends starts them itself.
test: system-packages lint
	$(BIN)/python -m pytest --ignore=tests/ui $(ARGS)
	KERAS_BACKEND=torch $(BIN)/python -m pytest tests/fcn --ignore=tests/fcn/test_backends.py \
		--ignore=tests/fcn/test_large_kernels.py $(ARGS)
	$(XVFB) $(BIN)/python -m pytest tests/ui $(ARGS)

# Before anything that takes minutes.
system-packages: | $(BIN)/python
	sh scripts/system_packages.sh $(BIN)/python compiler display

lint: $(VENV)/.installed-for-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
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
