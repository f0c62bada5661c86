"""Brevo: the flags of contacts, of email and, which it takes back from nobody, of SMS campaigns."""

from datetime import timedelta

from sync.clock import utc_now
from tests.python.sync.cases import Case, Row

CASE = Case(
    "brevo",
    rows=(Row("email"), Row("sms", keeps=True)),
    # Of a consent that is long ago it cannot be asked whether a refusal is later.
    values={"event_timestamp": utc_now() - timedelta(days=2)},
)
