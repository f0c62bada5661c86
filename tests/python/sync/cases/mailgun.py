"""Mailgun: one domain."""

from tests.python.sync.cases import Case, Row

CASE = Case("mailgun", rows=(Row("email", "mg.example.com"),))
