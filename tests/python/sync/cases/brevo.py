"""Brevo: the flags of contacts, of email and of SMS campaigns."""

from tests.python.sync.cases import Case, Row

CASE = Case("brevo", rows=(Row("email"), Row("sms")))
