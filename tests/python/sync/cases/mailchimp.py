"""Mailchimp: one audience."""

from typing import Any

from tests.python.sync.cases import Case, Row

AUDIENCE = "a6b5da1054"


def suppressed(lists: dict[str, Any]) -> set[str]:
    found = lists[AUDIENCE]
    return {*found["unsubscribed"], *found["cleaned"]}


CASE = Case(
    "mailchimp",
    rows=(Row("email", AUDIENCE),),
    settings={"MAILCHIMP_API_KEY": "very-secret-value-us1"},
    suppressed=suppressed,
)
