"""Postmark: the default stream, and one that a scope names."""

from tests.python.sync.cases import Case, Row

CASE = Case("postmark", rows=(Row("email"), Row("email", "broadcast")))
