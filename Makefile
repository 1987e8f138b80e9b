# Every target can be interrupted at any time and run again.

MAKEFLAGS += --no-print-directory
BIN := .venv/bin
.NOTPARALLEL:

.PHONY: help accept accept-vagrant test lint unit docs check-docs bundle pictures sabotage soak rehearse plain-ansible bench clean prepare
.PHONY: prepare-tests prepare-vagrant lab

help:
	@echo 'make accept          prepare this machine, start the lab, prove every criterion of every task'
	@echo 'make test            formatting, lints, types, unit tests, then the same'
	@echo 'make lint            formatting, lints and types only'
	@echo 'make unit            unit tests only; they need no lab'
	@echo 'make accept-vagrant  like make accept, in a lab made by Vagrant (an hour without KVM)'
	@echo 'make docs            compute build/docs/index.html and docs/TRACKER.md; needs no lab'
	@echo 'make check-docs      fail if what docs/ shows is not what this tree and its ledger give'
	@echo 'make bundle          one HTML file with all of it, for an auditor, with its signed statement'
	@echo 'make pictures        make the pictures in the README from the last run; needs Chromium'
	@echo 'make sabotage        inject every fault; each must turn its criterion red, and no harmless change may (hours)'
	@echo 'make soak            run the scenarios in random order, thousands of times; none may fail (hours)'
	@echo 'make rehearse        run the suite against the lab as production, fresh servers, and the watch (hours)'
	@echo 'make plain-ansible   apply one task in the lab by Ansible without Mitogen'
	@echo 'make bench           measure the speed of lab and suite into build/bench.json'
	@echo 'make clean           stop the lab; remove it, the outputs and .venv from this checkout'
	@echo
	@echo 'Daily work, after the first make accept: .venv/bin/lab --help, .venv/bin/pytest --host=lab -m task-1.3.4'

accept: lab
	@$(BIN)/pytest --host=lab

# Vagrant's machines are stopped after the run; their stored states stay for the next one.
accept-vagrant: prepare-vagrant
	@$(BIN)/lab box --vagrant
	@scripts/own-network scripts/accept-vagrant

test: prepare lint unit accept

lint: prepare
	@$(BIN)/python -m proof.lint

unit: prepare-tests
	@$(BIN)/pytest

docs: prepare
	@$(BIN)/python -m proof.docs

check-docs: prepare
	@$(BIN)/python -m proof.docs --check

bundle: prepare
	@$(BIN)/proof bundle

pictures: prepare-tests
	@$(BIN)/python -m proof.docs.pictures

sabotage: lab
	@$(BIN)/lab sabotage
	@$(BIN)/lab harmless

soak: lab
	@$(BIN)/lab soak

rehearse: lab
	@$(BIN)/lab rehearse
	@$(BIN)/lab rehearse --pairwise
	@MAIL_WATCH_REHEARSED=1 $(BIN)/pytest tests/proof/watch/test_rehearsed.py

plain-ansible: lab
	@MAIL_LAB_ANSIBLE_STRATEGY=linear $(BIN)/pytest --host=lab -m "task-1.2.2 and disruptive"

bench: lab
	@$(BIN)/python -m proof.bench

clean:
	@if [ -d .lab ]; then $(BIN)/lab destroy; fi
	rm -rf .lab build .venv .ansible .mypy_cache .ruff_cache .pytest_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Packages of the machine and the environment in .venv; quick if nothing is missing.
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
