"""Values and pure rules of members: their sessions, proofs, consents and publications, and how they leave.

What the pages and the jobs call is in `directory.services`, the SQL in `directory.store`.
"""
