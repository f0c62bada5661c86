"""mParticle: all three channels, by attributes of a customer."""

from tests.python.sync.cases import Case, Row

CASE = Case(
    "mparticle",
    rows=(Row("email"), Row("sms"), Row("push")),
    success="accepted",
    release="accepted",
    is_profile=True,
    suppressed=lambda lists: set(lists["suppressed"]),
)
