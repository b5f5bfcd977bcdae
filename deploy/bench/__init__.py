"""Measures speed as ratios within one run: to an empty handler, to a bare statement, to a smaller instance."""
