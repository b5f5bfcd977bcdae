"""Sources that show a post on X without a key. Each has an address to ask, and a total reader of its answer."""
