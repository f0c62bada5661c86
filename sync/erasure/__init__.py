"""Erases a person and keeps the refusal: `person` finds who that is, `hashes` what is kept.

`landing` takes the person out of what landed, `tables` out of the warehouse; `returns` knows one
who comes back.
"""
