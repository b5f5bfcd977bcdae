"""What people paste to name an account, parsed once for every door: the one room that takes more than the strict form.

`cleaning` removes what surrounds a name, `hosts` gives a host its one spelling, `urls` takes addresses apart, and the
other modules find the account in what is left. The strict parsers of `directory.identifiers` have the last word.
"""
