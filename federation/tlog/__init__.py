"""Transparency logs as C2SP and RFC 6962 specify them: pure, no I/O, nothing of Passerelle in it.

- `note`: signed notes, verifier keys, signers (c2sp.org/signed-note)
- `checkpoint`: origin, tree size and root hash, signed (c2sp.org/tlog-checkpoint)
- `cosignature`: signatures of witnesses over a checkpoint (c2sp.org/tlog-cosignature)
- `merkle`: hashing, the compact range, inclusion and consistency proofs (RFC 6962, section 2.1)
- `tiles`, `growth`, `bundles`: the tree and its entries as static files (c2sp.org/tlog-tiles)
- `proof`: one entry, provable offline (c2sp.org/tlog-proof)

Every parser is total: for any bytes it returns a value or raises the one error of its format,
a subclass of `federation.errors.Malformed`, in time and memory bounded by a constant times
the limit named beside it. For every value `v` of such a format, parsing what `v` is written as gives `v`.
"""
