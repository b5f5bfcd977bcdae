"""Measures launch day: browsers that all come at once, against a whole instance with its rate limits on."""
