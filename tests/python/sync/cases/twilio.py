"""Twilio: one Messaging Service."""

from tests.python.sync.cases import Case, Row

SERVICE = "MG00000000000000000000000000000001"
CASE = Case(
    "twilio",
    rows=(Row("sms", SERVICE),),
    settings={"TWILIO_ACCOUNT_SID": "AC00000000000000000000000000000001"},
)
