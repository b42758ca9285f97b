.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
SIZE ?= small
BENCHES ?= startup data sweep training replicas logging moe sparse
# Trainings of the frontier are too long for the small size; the last ones have the most runs.
STUDIES ?= diversity samples balance label_noise support source_sparsity patches $(if $(filter small,$(SIZE)),,frontier) \
  $(if $(filter full,$(SIZE)),controls experts sparsity masks attributes map_samples map_routes latency)

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 12

install: $(READY)  ## make .venv with the tested versions

# Redone only when what is installed could change.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(READY)

compare: $(READY)  ## train dense, sparse and MoE over 3 seeds; table and reports/compare/index.html
	$(BIN)/python train.py -m experiment=compare

test: $(READY)  ## lint, types, floors and tests (FAST=1: without whole commands as processes)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/basedpyright
	$(BIN)/python -m pytest -n 2 --dist loadfile -m 'not oracle$(if $(FAST), and not slow)'

soak: $(READY)  ## kill sweeps 20 times at random moments and go on with them; 50 jobs in a row
	SOAK=20 $(BIN)/python -m pytest tests/e2e/test_killed_sweeps.py tests/e2e/test_sweeps.py -k 'killed or fifty'

oracles: $(READY)  ## our MoE against transformers, Megatron, DeepSpeed and others (installs them)
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[dev,oracles]'
	STRICT=1 $(BIN)/python -m pytest -m oracle tests/oracles

system:  ## install chromium, g++ and SLURM with apt, for the tests that open pages, compile and submit
	@if ! (command -v chromium && command -v g++ && command -v slurmctld) >/dev/null; then \
	  apt-get update -q && apt-get install -y -q --no-install-recommends chromium g++ slurm-wlm; fi

native: $(READY)  ## compile the CPU operators of MoE layers and of blocks, which runs then take
	$(BIN)/python -m triptych.native

# Quick figures go to logs/bench and are held against the committed ones. All are run, then it fails if one has.
bench: $(READY)  ## all benchmarks in 10 minutes, against the committed ones (FULL=1: in hours, into benchmarks/)
	-$(BIN)/python -m triptych.native
	@for name in $(BENCHES); do echo "== $$name"; \
	  $(BIN)/python scripts/bench_$$name.py $(if $(FULL),,--quick) \
	    --out $(if $(FULL),benchmarks,logs/bench)/$$name.json || failed="$$failed $$name"; done; \
	$(if $(FULL),,$(BIN)/python scripts/bench_compare.py logs/bench;) \
	if [ -n "$$failed" ]; then echo "failed:$$failed"; exit 1; fi

# Two runs side by side, each in one thread. The same command goes on where it was stopped.
study: $(READY)  ## the studies of conf/experiment/study, one page in reports/studies/SIZE (SIZE=small|acceptance|full)
	@for name in $(STUDIES); do echo "== $$name"; \
	  OMP_NUM_THREADS=1 $(BIN)/python train.py experiment=study/$$name size=$(SIZE) \
	    hydra/launcher=joblib hydra.launcher.n_jobs=2 hydra.sweep.dir=logs/studies/$(SIZE)/$$name \
	    sweep.report=reports/studies/$(SIZE)/$$name || exit 1; done
	$(if $(filter latency,$(STUDIES)),OMP_NUM_THREADS=1 $(BIN)/python scripts/latency.py logs/studies/$(SIZE)/latency)
	$(BIN)/python scripts/studies.py $(STUDIES:%=logs/studies/$(SIZE)/%) --out reports/studies/$(SIZE)

# The same command goes on where it was stopped. QUICK=1 shows in a minute or two that it works.
gallery: $(READY)  ## each figure of both sources beside its true counterpart: reports/gallery/index.html
	@for name in boundaries families notebook; do echo "== $$name"; \
	  OMP_NUM_THREADS=1 $(BIN)/python train.py experiment=gallery/$$name \
	    $(if $(QUICK),debug=fast seed=0,hydra/launcher=joblib hydra.launcher.n_jobs=2) \
	    hydra.sweep.dir=logs/gallery$(if $(QUICK),-quick)/$$name || exit 1; done
	$(BIN)/python scripts/gallery.py $(if $(QUICK),--quick --runs logs/gallery-quick --out reports/gallery-quick)

notebook: $(READY)  ## the source's notebook over 5 seeds: reports/notebook/index.html
	$(BIN)/python train.py -m experiment=notebook

fix: $(READY)  ## format, and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:  ## remove what can be made again, except logs and reports
	rm -rf .venv .pytest_cache .ruff_cache .import_linter_cache .hypothesis

.PHONY: help install compare test soak oracles system native bench study gallery notebook fix clean
