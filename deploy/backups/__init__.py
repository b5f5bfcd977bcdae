"""Backs up an instance into one file, and puts a backup in the place of a database.

- `contents` has what a backup holds and which names its members may have; `archive` writes and checks the file.
- `programs` runs PostgreSQL's own programs; `dumping` and `loading` move the database; `secret_copies` the secret files.
- `making` and `restoring` are the two acts as a whole.

Not trusted: the check sums find damage, not a forger. Whoever can change a backup can change all that is restored from it.
"""
