# make reproduce and make test are all that most people need; make help lists the rest.
PYTHON ?= python3
CORES ?= all
SCALE ?=
DATASET ?=
ONLY ?=
MODELS ?= basic
FILES ?= 20000
BIN := .venv/bin
INSTALLED := .venv/.installed
CONFIG := $(if $(SCALE)$(DATASET),--config $(if $(SCALE),'scale=$(SCALE)') $(if $(DATASET),'dataset=$(DATASET)'))
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONPATH := $(CURDIR)/src

.PHONY: help reproduce test lint format bench bench-jsb fuzz check-midi record pull check-reproducible sweep unlock clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 22

reproduce: $(INSTALLED) ## fetch, train, sample, evaluate, draw: every table and figure [SCALE=smoke|default|long|thesis DATASET=name]
	snakemake --quiet rules --cores $(CORES) $(CONFIG)
	@echo "results/report/index.html shows everything"

# The tests of a file stay together: they share what they made once.
test: $(INSTALLED) ## the tests
	python -m pytest -n auto --dist loadfile --no-loadscope-reorder

lint: $(INSTALLED) ## formatting, style and types
	ruff format --check .
	ruff check .
	snakefmt --check Snakefile workflow
	mypy

format: $(INSTALLED) ## format Python and Snakemake files
	ruff format .
	ruff check --fix .
	snakefmt Snakefile workflow

bench: $(INSTALLED) ## measure reading, sampling, training against plain references [ONLY="reading ..."]
	snakemake --quiet rules --cores $(CORES) data
	python -m benchmarks $(ONLY)

bench-jsb: $(INSTALLED) ## train on JSB chorales, print test NLL [DATA=folder MODELS="basic emb ..."]
	@test -n "$(DATA)" || { echo 'make bench-jsb: name the folder of the JSON: DATA=...'; exit 1; }
	python -m benchmarks.jsb "$(DATA)" --models $(MODELS)

fuzz: $(INSTALLED) ## read 20,000 damaged MIDI files; none may do more than be rejected [FILES=20000]
	python -m benchmarks.fuzz_midi --files $(FILES)

check-midi: $(INSTALLED) ## hold our notes of MIDI files against other readers' [DATA=folder]
	@test -n "$(DATA)" || { echo 'make check-midi: name a folder of MIDI files: DATA=...'; exit 1; }
	python -m benchmarks.check_midi "$(DATA)"

record: $(INSTALLED) ## record the present results in DVC; refuses while jobs are due
	@snakemake --dry-run 2>&1 | grep -q 'Nothing to be done' || \
	  { echo 'make record: jobs are due at the scale of params.yaml; run `make reproduce` first'; exit 1; }
	dvc commit --force

pull: $(INSTALLED) ## bring recorded data and results from the DVC remote
	dvc pull
	snakemake --quiet rules --cores $(CORES) --touch

check-reproducible: $(INSTALLED) ## run the smoke scale twice, with 1 and 2 cores, and compare every byte
	python -m tests.check_reproducible

sweep: $(INSTALLED) ## delete results of models and experiments that params.yaml no longer has
	python -m neuralmusic sweep

unlock: $(INSTALLED) ## after a kill -9 of make reproduce or dvc repro: free Snakemake's lock, mend dvc.lock
	snakemake --unlock --cores 1
	@python -m neuralmusic.dvc_lock

clean: ## delete the environment and everything that make reproduce makes
	rm -rf .venv .snakemake .params .checkpoints .downloads logs data/raw data/notes data/splits data/encoded
	rm -rf results/models results/scores results/probes results/samples results/metrics
	rm -rf results/rankings results/report
	rm -rf results/datasets

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'Python 3.11 or newer is needed: make PYTHON=python3.12 ...'; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --compile -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@
