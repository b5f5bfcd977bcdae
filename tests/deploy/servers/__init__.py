"""Each of the servers keeps the same promises."""
