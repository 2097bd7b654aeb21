# `make` lists the commands. The first run creates .venv/ (about a minute); later runs update only what changed.
.DEFAULT_GOAL := help
PYTHON ?= python3
DEV := .venv/dev/bin
UV := .venv/sam/bin/uv
SAM := PATH="$(CURDIR)/.venv/sam/bin:$$PATH" sam
SETUP := .venv/sam/.made .venv/aws/.made .venv/dev/.made

# Nothing here touches an AWS account of yours.
unexport $(filter AWS_%,$(.VARIABLES))
export SAM_CLI_TELEMETRY := 0
export UV_PYTHON_DOWNLOADS := never
# uv does not read pip's configuration, so it gets the index that is set there.
ifndef UV_DEFAULT_INDEX
export UV_DEFAULT_INDEX := $(or $(PIP_INDEX_URL),$(shell $(PYTHON) -m pip config get global.index-url 2>/dev/null))
endif

# No access to the network.
CHECKOV := CKV_SKIP_PACKAGE_UPDATE_CHECK=true .venv/checks/bin/checkov --framework cloudformation --skip-download --quiet --compact
TEMPLATES := template.yaml .github/deploy-role.yaml

.PHONY: help demo playground run test prove mutate check build lock setup bench cost licences screenshot clean

help:
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

demo: $(SETUP) ## the whole stack here, with simulated OpenAI and Slack: a team's day (RECORDED=<file>: your own batches)
	@RECORDED='$(RECORDED)' $(DEV)/python -m local.demo

playground: $(SETUP) ## the same on a page that looks like Slack, to try everything by hand, until Ctrl-C (PORT=…)
	@PORT='$(PORT)' $(DEV)/python -m local.playground

run: $(SETUP) ## batchbell here, with the real OpenAI and Slack, until Ctrl-C
	@$(DEV)/python -m local.run

test: check ## every check and every test
	@$(DEV)/python -m pytest -q -n auto --dist loadgroup

prove: $(SETUP) ## random schedules in which all may fail, until one breaks the promise (TIME=60 SEED=0 STORIES=… KEEP_ON=1 EXHAUST=1)
	@TIME='$(TIME)' SEED='$(SEED)' STORIES='$(STORIES)' EXHAUST='$(EXHAUST)' PYTHONPATH=src $(DEV)/python -m tests.simulation

mutate: $(SETUP) ## take away one rule after the other, and see whether the simulation finds it (TIME=600 SEED=0)
	@TIME='$(TIME)' SEED='$(SEED)' $(DEV)/python -m tests.simulation.mutate

check: $(SETUP) .venv/checks/.made ## the checks only
	@echo "- checking style, types, imports, templates and workflows"
	@$(DEV)/ruff check -q
	@$(DEV)/ruff format -q --check
	@$(DEV)/mypy --no-error-summary
	@PYTHONPATH=src $(DEV)/lint-imports --no-logo
	@$(DEV)/cfn-lint -a cfn_lint_serverless.rules -- $(TEMPLATES)
	@$(SAM) validate --lint
	@$(CHECKOV) -f $(TEMPLATES)
	@.venv/checks/bin/zizmor -q --offline --persona=pedantic --strict-collection .github

build: $(SETUP) ## build what `sam deploy` uploads: .aws-sam/build
	@$(SAM) build
	@$(DEV)/python -m local.bytecode .aws-sam/build

lock: .venv/sam/.uv ## pin what pyproject.toml names into requirements*.txt (LOCK=--upgrade for newer versions)
	@$(COMPILE) pyproject.toml --generate-hashes -o requirements.txt
	@$(COMPILE) --group dev -c requirements.txt -o requirements/dev.txt
	@$(COMPILE) --group bench -c requirements.txt -c requirements/dev.txt -o requirements/bench.txt
	@$(COMPILE) --group aws -o requirements/aws.txt
	@$(COMPILE) --group sam -o requirements/sam.txt
	@$(COMPILE) --group checks -o requirements/checks.txt

COMPILE = $(UV) pip compile -q --universal --python-version 3.11 --no-annotate --no-emit-index-url \
	--custom-compile-command 'make lock' $(LOCK)

setup: $(SETUP) ## install what the other commands need, in .venv

cost: $(SETUP) ## measure what a month costs, and write docs/cost.md (two minutes)
	@$(DEV)/python -m bench.cost 20 docs/cost.md

licences: $(SETUP) ## write the licences of what is packed to docs/licences.md; run it after `make lock`
	@$(DEV)/python -m local.licences >docs/licences.md

screenshot: $(SETUP) ## draw every kind of message in build/pictures, and renew docs/messages.png; needs Chromium
	@$(DEV)/python -m local.screenshot build/pictures docs/messages.png

bench: .venv/bench/.made ## measure batchbell beside others and the commit BASE, and write docs/performance.md (QUICK=1: a short run)
	@.venv/bench/bin/python -m bench.performance $(if $(QUICK),quick .state/bench,full docs) $(or $(BASE),250aead)

clean: ## remove everything that make created
	@rm -rf .venv .aws-sam .state build .hypothesis .*_cache

# pip installs uv; uv installs the rest four times faster.
.venv/sam/.uv: requirements/sam.txt
	@echo "- making .venv (a minute, the first time)"
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("batchbell needs Python 3.11 or newer")'
	@$(PYTHON) -m venv .venv/sam
	@.venv/sam/bin/pip install -qq --disable-pip-version-check -c requirements/sam.txt uv
	@touch $@

.venv/dev/.made .venv/bench/.made: requirements.txt
.venv/%/.made: requirements/%.txt .venv/sam/.uv
	@echo "- installing $(filter %.txt,$^)"
	@[ -x .venv/$*/bin/python ] || $(UV) venv -q --python $(PYTHON) .venv/$*
	@$(UV) pip sync -q --python .venv/$* $(filter %.txt,$^)
	@touch $@
