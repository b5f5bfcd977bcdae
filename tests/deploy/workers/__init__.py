"""Several web processes over one socket."""
