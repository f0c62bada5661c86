"""SendGrid: the global list, and an unsubscribe group."""

from tests.python.sync.cases import Case, Row

CASE = Case("sendgrid", rows=(Row("email"), Row("email", "101")))
