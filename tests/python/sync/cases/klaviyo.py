"""Klaviyo: suppressions of emails, and opt-outs of texts, which nobody is released from."""

from tests.python.sync.cases import Case, Row

CASE = Case(
    "klaviyo",
    rows=(Row("email"), Row("sms", keeps=True)),
    success="accepted",
    release="accepted",
)
