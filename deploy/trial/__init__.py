"""Several instances on one machine, to see how they hear of each other's people."""
