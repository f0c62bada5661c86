"""Mandrill: the denylist of a subaccount. Its key is a member of every body."""

from tests.python.sync.cases import Case, Row

CASE = Case("mandrill", rows=(Row("email", "cust-123"),))
