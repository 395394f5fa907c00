# Every target sets up what it needs, says so, and does nothing where all is there. PYTHON=/path/to/python chooses one.

.DEFAULT_GOAL := help
.PHONY: help demo test versions bench chaos soak crowd lint clean

help: ## say what can be made
	@echo 'mtv: one DS9 window and the Butler repositories of one daemon, for every process'
	@echo
	@sed -n 's/^\([a-z]*\):.*## /  make \1 - /p' Makefile
	@echo
	@echo '  PYTHON=/path/to/python3.11 chooses the interpreter of the virtual environments.'

demo: ## install what is missing, draw the reference task, leave demo.png (KEEP=1: leave daemon and window open)
	@scripts/setup.sh demo
	@.venv/bin/mtv demo --directory demo --picture demo.png $(if $(filter-out 0 no false,$(KEEP)),--keep)

test: ## install what the tests need, run ruff, mypy and every test, live ones included
	@scripts/setup.sh test
	@.venv/bin/python scripts/check.py

versions: ## run the window's live tests on every DS9 that can be had here (ONLY=host,trixie,noble,sid; as root)
	@scripts/setup.sh versions
	@.venv/bin/python scripts/versions.py $(if $(ONLY),--only '$(ONLY)') $(if $(TESTS),--tests '$(TESTS)')

bench: ## measure against the ways people use today, write bench.json (ROWS=name,name: only these)
	@scripts/setup.sh bench
	@.venv/bin/python -m benchmarks --json bench.json $(if $(ROWS),--rows '$(ROWS)')

chaos: ## kill and stop what the window depends on while clients draw, write chaos.json (FAULTS=100, SEED=number, ON=noble)
	@scripts/setup.sh chaos
	@$(if $(ON),scripts/setup.sh versions)
	@$(if $(ON),with_it="$$(.venv/bin/python scripts/ds9_roots.py '$(ON)')" && PATH="$$with_it:$$PATH") .venv/bin/python -m chaos --json chaos.json --faults $(or $(FAULTS),100) $(if $(SEED),--seed $(SEED))

soak: ## four feeds side by side, nothing may grow, every frame is accounted for (MINUTES=10)
	@scripts/setup.sh soak
	@.venv/bin/python -m soak --minutes $(or $(MINUTES),10) --json soak.json

crowd: ## fifty clients of every sort at once, faults of disk and descriptors, write crowd.json (MINUTES=5, SEED=number)
	@scripts/setup.sh crowd
	@.venv/bin/python -m crowd --minutes $(or $(MINUTES),5) --json crowd.json $(if $(SEED),--seed $(SEED))

lint: ## run ruff, mypy and the checks of docstrings
	@scripts/setup.sh lint
	@.venv/bin/python scripts/check.py --lint

clean: ## remove the environments and all that was made here (end a kept demo first: .venv/bin/mtv down)
	rm -rf .venv .venv-3.11-quick build dist demo demo.png bench.json chaos.json soak.json crowd.json .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
