"""Servers with the Mastodon API, as strict about OAuth as the strictest real one. See `site`."""
