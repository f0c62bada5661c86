"""Erases a person and keeps the refusal: `forget` is the command, `person` finds who that is.

`landing` takes the person out of what landed, by `redaction`, and `tables` out of the warehouse.
`tombstones` is what the forgotten refused, under `hashes`; `returns` knows one who comes back.
"""
