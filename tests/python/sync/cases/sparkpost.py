"""SparkPost: the list of one type of message, and that of the other of a subaccount."""

from tests.python.sync.cases import Case, Row

CASE = Case(
    "sparkpost",
    rows=(Row("email", "non_transactional"), Row("email", "transactional/146")),
)
