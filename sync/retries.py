"""The retry library, without its own log lines: who retries says what there is to say."""

from __future__ import annotations

from stamina import retry_context
from stamina.instrumentation import set_on_retry_hooks

set_on_retry_hooks([])

__all__ = ["retry_context"]
