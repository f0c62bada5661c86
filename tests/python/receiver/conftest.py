"""One receiver per test process that knows all secrets; others are started by the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.python.receiver import signing
from tests.python.receiver.server import Amazon, Server, amazon, receiving


@pytest.fixture(scope="session")
def sns() -> Iterator[Amazon]:
    with amazon() as found:
        yield found


@pytest.fixture(scope="session")
def receiver(tmp_path_factory: pytest.TempPathFactory, sns: Amazon) -> Iterator[Server]:
    """Knows two secrets of every source, the relay's, and the public URL."""
    settings = {
        **signing.environment(),
        "PUBLIC_URL": signing.PUBLIC_URL,
        "SNS_BASE_URL": sns.url,
    }
    with receiving(tmp_path_factory.mktemp("receiver"), settings) as server:
        yield server


@pytest.fixture
def start(tmp_path: Path, sns: Amazon) -> Iterator[Callable[..., Server]]:
    """Starts a receiver with the given options and variables; it ends with the test."""
    with ExitStack() as stack:

        def started(*options: str, **variables: str) -> Server:
            settings = {"PUBLIC_URL": signing.PUBLIC_URL, "SNS_BASE_URL": sns.url, **variables}
            return stack.enter_context(receiving(tmp_path, settings, *options))

        yield started
