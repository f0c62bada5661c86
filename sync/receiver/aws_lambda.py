"""The receiver on AWS Lambda, behind a function URL, an API gateway or a load balancer.

Handler: `sync.receiver.aws_lambda.handler`; see docs/receiver.md. It is made when the first request
comes, from the environment.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from mangum import Mangum

from sync.receiver.serve import app_from_environment


@cache
def _adapter() -> Mangum:
    # A shutdown after each request would close the sink.
    return Mangum(app_from_environment(os.environ), lifespan="off")


def handler(event: Any, context: Any) -> dict[str, Any]:
    """Answers as `contact-sync receive` does."""
    return _adapter()(event, context)
