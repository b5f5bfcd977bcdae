"""Tables of cases as data, which each door is tried with."""
