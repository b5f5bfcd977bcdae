"""What the tests need beside Python packages: found, or installed where that is possible.

`python -m tests.setup` is quick when nothing is missing, can be run any number of times, and names in one
sentence each whatever it could not install.
"""
