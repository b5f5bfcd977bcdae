"""What the tests need beside Python packages: looked for, and got where it can be got.

`python -m tests.setup` is quick when everything is there, can be run any number of times, and
names in one sentence whatever it could not get.
"""
