# The ways to run this project. Everything may be interrupted at any point and run again.

MAKEFLAGS += --no-print-directory
BIN := .venv/bin
.NOTPARALLEL:

.PHONY: prepare-vagrant help accept accept-vagrant test lint unit docs sabotage rehearse bench clean prepare prepare-tests lab

help:
	@echo 'make accept     prepare this machine, start the lab, prove every criterion of every task in it'
	@echo 'make test       formatting, lints, types, unit tests, then the same acceptance run'
	@echo 'make lint       formatting, lints and types alone'
	@echo 'make unit       unit tests alone; needs no lab'
	@echo 'make accept-vagrant   the same as make accept, in a lab that Vagrant makes (an hour without KVM)'
	@echo 'make docs       compute the documentation anew: build/docs/index.html and docs/TRACKER.md; needs no lab'
	@echo 'make sabotage   break the host in small ways: every criterion must notice (hours)'
	@echo 'make rehearse   the suite against the lab as if it were the production host; nothing may stay behind'
	@echo 'make bench      measure the speed of lab and suite into build/bench.json'
	@echo 'make clean      stop the lab; remove it, the outputs and .venv from this checkout'
	@echo
	@echo 'Daily work, after the first make accept: .venv/bin/lab --help, .venv/bin/pytest --host=lab -m task-1.3.4'

accept: lab
	@$(BIN)/pytest --host=lab

# Vagrant's machines end with the run; their states stay for the next one.
accept-vagrant: prepare-vagrant
	@scripts/own-network scripts/accept-vagrant

test: prepare lint unit accept

lint: prepare
	@$(BIN)/python -m proof.lint

unit: prepare-tests
	@$(BIN)/pytest

docs: prepare
	@$(BIN)/python -m proof.docs

sabotage: lab
	@$(BIN)/lab sabotage

rehearse: lab
	@$(BIN)/lab rehearse

bench: lab
	@$(BIN)/python -m proof.bench

clean:
	@if [ -d .lab ]; then $(BIN)/lab destroy; fi
	rm -rf .lab build .venv .ansible .mypy_cache .ruff_cache .pytest_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Packages of the machine and the environment in .venv; quick where nothing is missing.
prepare:
	@python=$$(scripts/find-python) && "$$python" -m lab.bootstrap

# The same, and a browser for the unit tests.
prepare-tests:
	@python=$$(scripts/find-python) && "$$python" -m lab.bootstrap --tests

# The same, and Vagrant with its libvirt.
prepare-vagrant:
	@python=$$(scripts/find-python) && "$$python" -m lab.bootstrap --vagrant

lab: prepare
	@$(BIN)/lab up
