"""No body stops a build: what cannot be read is quarantined with its reason."""

from __future__ import annotations

import pytest

from tests.python.staging.bad_bodies import bad_bodies
from tests.python.staging.bodies import SOURCES, Landed

EACH = [(source, name) for source in SOURCES for name in bad_bodies(source)]


@pytest.mark.parametrize(("source", "name"), EACH)
def test_a_bad_body_is_quarantined(landed: Landed, source: str, name: str) -> None:
    _, reasons = bad_bodies(source)[name]
    assert landed.quarantined("reason", source, f"bad/{name}") == reasons
    assert landed.events(source, f"bad/{name}") == []


@pytest.mark.parametrize("source", SOURCES)
def test_the_body_is_kept(landed: Landed, source: str) -> None:
    kept = landed.quarantined("payload", source, "bad/cut_object")
    assert kept == [bad_bodies(source)["cut_object"][0]]
