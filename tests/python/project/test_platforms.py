"""Every platform has the same pieces; what is missing of one is named."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator

import pytest
import yaml

from sync.receiver import sources
from sync.receiver.settings import secret_variable
from tests.python.conftest import ROOT

#: Sources of the project that no platform sends: they have models and mappings, and no webhook.
OUR_OWN = {"email_log", "directory", "backfill", "adopt", "operator"}
SETTINGS = yaml.safe_load((ROOT / "dbt_project.yml").read_text())
MODELED = set(SETTINGS["vars"]["sources"]) - OUR_OWN
PLATFORMS = sorted(MODELED | set(sources.names()))


def missing(source: str) -> Iterator[str]:
    """The pieces that a platform should have and has not."""
    model = f"models/staging/{source}/stg_{source}__events"
    files = [
        f"{model}.sql",
        f"{model}.yml",
        f"tests/python/staging/test_{source}.py",
        f"sync/receiver/sources/{source}.py",
    ]
    yield from (file for file in files if not (ROOT / file).is_file())
    if source not in MODELED:
        yield "its name in vars.sources of dbt_project.yml"
    if source not in mapped_sources():
        yield "rows in seeds/provider_events.csv"
    if len(list((ROOT / "tests/fixtures" / source).glob("*.json"))) < 5:
        yield f"five bodies or more in tests/fixtures/{source}/"
    explained = (ROOT / ".env.example").read_text()
    if not re.search(rf"^{secret_variable(source)}=$", explained, re.M):
        yield f"{secret_variable(source)} in .env.example"
    if f"`{source}`" not in (ROOT / "docs/receiver.md").read_text():
        yield "its row in docs/receiver.md"


def mapped_sources() -> set[str]:
    with (ROOT / "seeds/provider_events.csv").open() as file:
        return {row["source"] for row in csv.DictReader(file)}


@pytest.mark.parametrize("source", PLATFORMS)
def test_a_platform_has_all_its_pieces(source: str) -> None:
    assert list(missing(source)) == []


def test_every_mapped_source_is_a_source_of_the_project() -> None:
    assert mapped_sources() <= MODELED | OUR_OWN


def test_a_platform_that_is_not_there_lacks_every_piece() -> None:
    assert len(list(missing("pigeon_post"))) == 9


def test_every_destination_is_an_exposure_with_its_page() -> None:
    """dbt's lineage ends where the data does: at the platforms."""
    exposures = yaml.safe_load((ROOT / "models/exposures.yml").read_text())["exposures"]
    with (ROOT / "seeds/destinations.csv").open(encoding="utf-8", newline="") as file:
        destinations = {row["destination"] for row in csv.DictReader(file)}
    assert {one["name"] for one in exposures} == destinations
    for one in exposures:
        assert f"docs/destinations/{one['name']}.md" in one["description"]
