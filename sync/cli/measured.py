"""Commands of which OpenTelemetry hears (docs/metrics.md)."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

Command = TypeVar("Command", bound=Callable[..., Any])


def measured(*, is_long: bool = False) -> Callable[[Command], Command]:
    """What the command measures is sent when it ends. is_long: and every minute."""

    def around(command: Command) -> Command:
        @wraps(command)
        def sent(*arguments: Any, **options: Any) -> Any:
            from sync.metrics.otlp import sending

            with sending(os.environ, is_long=is_long):
                return command(*arguments, **options)

        return cast("Command", sent)

    return around
