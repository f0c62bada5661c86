"""FCM: a topic. A token is fetched before the first call."""

import json
from functools import cache

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.python.sync.cases import Case, Row


@cache
def service_account() -> str:
    """The JSON of a key that is made for this run of the tests."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    text = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "sandbox",
            "client_email": "sync@sandbox.example",
            "private_key_id": "1",
            "private_key": text.decode(),
            "token_uri": "https://oauth2.googleapis.com/token",
        }
    )


CASE = Case(
    "fcm",
    rows=(Row("push", "news"),),
    settings={"FCM_SERVICE_ACCOUNT": service_account()},
    calls_beside=1,
)
