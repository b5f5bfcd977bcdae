"""Long lists as a few large blocks of bytes, while they are matched and shown."""
