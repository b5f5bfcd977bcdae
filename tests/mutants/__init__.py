"""Tests that would notice: changes one thing in a module that decides who is who, and runs the tests that matter.

`make mutants` does it for each module of `table.py`; `make mutants MODULE=directory/ranking.py` for one. A mutant that
no test kills must be named in `equivalent.toml` with its reason, or the run fails. Nothing is written into the
checkout: a child process imports the mutated source in the place of the file.
"""
