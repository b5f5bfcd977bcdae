"""Vectors of our formats, for whoever writes another implementation. docs/protocol.md says how to read them."""
