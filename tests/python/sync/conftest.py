"""One sandbox per test process, emptied for every test; a fresh warehouse for every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.sandbox.server import running
from tests.python.sync.world import KEY, SandboxClient, World


@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[SandboxClient]:
    with running(rate=0, environment={"SENDGRID_API_KEY": KEY}) as url:
        yield SandboxClient(url)


@pytest.fixture
def sandbox(sandbox_process: SandboxClient) -> SandboxClient:
    sandbox_process.reset()
    return sandbox_process


@pytest.fixture
def world(tmp_path: Path, sandbox: SandboxClient) -> World:
    return World(tmp_path, sandbox)
