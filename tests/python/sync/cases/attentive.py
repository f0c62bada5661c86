"""Attentive: texts and emails. Nobody is released; every person is looked up first."""

from typing import Any

from tests.python.sync.cases import Case, Row


def suppressed(lists: dict[str, Any]) -> set[str]:
    return {*lists["TEXT"], *lists["EMAIL"]}


CASE = Case(
    "attentive",
    rows=(Row("sms"), Row("email")),
    release="rejected",
    suppressed=suppressed,
    calls_beside=1,
)
