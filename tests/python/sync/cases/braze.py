"""Braze: emails by state and by group, texts by group, push by profile."""

from sync.destinations.base import Item
from tests.python.sync.cases import Case, Row

GROUP = "12345678-0000-4000-8000-000000000001"


class BrazeCase(Case):
    """Push is a profile's: its list names people by external_id."""

    def identity(self, one: Item) -> str:
        if one.channel == "push":
            assert one.external_id
            return one.external_id
        return super().identity(one)


CASE = BrazeCase(
    "braze",
    rows=(Row("email"), Row("email", GROUP), Row("sms", GROUP), Row("push")),
    settings={"BRAZE_INSTANCE": "iad-05"},
)
