"""OneSignal: all three channels of one app."""

from tests.python.sync.cases import Case, Row

CASE = Case(
    "onesignal",
    rows=(Row("email"), Row("sms"), Row("push")),
    settings={"ONESIGNAL_APP_ID": "5eb5a37e-0000-4000-8000-000000000001"},
    success="accepted",
    release="accepted",
)
