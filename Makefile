# Two commands for a newcomer: `make run` and `make test`. Everything else is for those who build Batuta.
PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv

.PHONY: run test tiny check bench torch clients lock format clean

run: $(VENV)/.run
	@$(BIN)/batuta up $(ARGS)

test: $(VENV)/.dev
	$(BIN)/python -m pytest $(ARGS)

# A model of random weights, put where Batuta looks for models: enough to see everything work.
tiny: $(VENV)/.dev
	@$(BIN)/python -m batuta.testing.gguf "$$($(BIN)/python tools/tutorial.py --model-file)"

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/check_tree.py

# PyTorch, for the transformers engine's tests and for training the starter pair. Its builds differ by what they
# compute on; this takes what pip finds by itself. Everything else works without it.
TORCH ?= torch==2.13.0
torch: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(TORCH)

# The vendors' own clients, each in an environment of its own: the tests talk with them to the fake providers.
CLIENTS := openai anthropic anthropic_2023 google mistral cohere
clients: $(CLIENTS:%=build/clients/%/.made)

build/clients/%/.made: tests/clients/%/requirements.txt $(VENV)/.uv
	$(PYTHON) -m venv build/clients/$*
	$(UV) pip install --quiet --python build/clients/$*/bin/python --require-hashes -r $<
	@touch $@

bench: $(VENV)/.dev
	$(BIN)/python -m bench $(ARGS)

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(VENV)/.uv: requirements/uv.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

$(VENV)/.run: $(VENV)/.uv requirements/run.txt pyproject.toml
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements/run.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.txt
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@touch $@

# Renews the locks: hashes, no package index in any file. What Batuta itself uses is at least a week old; the vendors'
# clients are the newest, because they show what the vendors send now.
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--custom-compile-command 'make lock'
LOCK = $(COMPILE) --exclude-newer "$$(date -u -d '7 days ago' +%Y-%m-%dT00:00:00Z)"
lock: $(VENV)/.uv
	$(LOCK) requirements/uv.in -o requirements/uv.txt
	$(LOCK) pyproject.toml --group build -o requirements/run.txt
	$(LOCK) pyproject.toml --group build --group dev --extra postgres --extra testing -o requirements/dev.txt
	for name in $(CLIENTS); do $(COMPILE) tests/clients/$$name/requirements.in -o tests/clients/$$name/requirements.txt || exit 1; done

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
