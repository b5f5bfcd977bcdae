"""Members: who they are here, what they have proven, agreed to and publish; and how they leave.

Modules with a noun hold values and pure rules (accounts, sessions, consents, publications, …); those with a
verb hold what the pages and the jobs call (membership, signing_in, proving, …). The SQL is in `directory.store`.
"""
