"""Tests of follow runs."""
