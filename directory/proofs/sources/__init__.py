"""Where a post on X can be read without a key. Each source: the address to ask, and a total reader of its answer."""
