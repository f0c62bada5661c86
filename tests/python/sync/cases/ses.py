"""Amazon SES: the list of the account, and that of a tenant."""

from tests.python.sync.cases import Case, Row

CASE = Case(
    "ses",
    rows=(Row("email"), Row("email", "cust-1")),
    settings={"SES_ACCESS_KEY_ID": "AKIASANDBOX", "SES_REGION": "eu-west-1"},
)
