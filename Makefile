# Everything runs in .venv, which is made on first use and again when the dependencies change.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help install demo test test-all lint check format tree bench

help:  ## say what each target does
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | awk -F '\t' '{printf "make %-10s %s\n", $$1, $$2}'

install: $(STAMP)  ## set up .venv with pinned versions

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(STAMP)  ## train on the bundled digits, then sample, evaluate and write runs/demo/report.html
	$(BIN)/sparring demo

test: $(STAMP)  ## the fast tests
	$(BIN)/pytest --numprocesses auto --maxprocesses 8

test-all: $(STAMP)  ## the slow tests too
	$(BIN)/pytest --slow --numprocesses auto --maxprocesses 8

lint: $(STAMP)  ## formatter, linter (docstrings too), types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports

check: lint test  ## lint, then the fast tests

format: $(STAMP)  ## put the code into its one form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

tree:  ## write the README's tree from what the files say of themselves
	$(PYTHON) tools/tree.py

bench: $(STAMP)  ## run a benchmark, such as make bench NAME=resume
	@test -n "$(NAME)" || { echo "make bench needs NAME, such as make bench NAME=resume" >&2; exit 1; }
	$(BIN)/sparring bench $(NAME) $(ARGS)
