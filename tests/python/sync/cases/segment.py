"""Segment: all three channels, by traits of a user."""

from tests.python.sync.cases import Case, Row

CASE = Case(
    "segment",
    rows=(Row("email"), Row("sms"), Row("push")),
    success="accepted",
    release="accepted",
    is_profile=True,
    suppressed=lambda lists: set(lists["suppressed"]),
)
