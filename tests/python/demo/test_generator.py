"""The generator lands what it says, in the platforms' shapes, the same for the same arguments."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sync.demo.generator import SOURCES, START, Summary, land
from sync.demo.story import PEOPLE, land_first_days, land_second_day

# What identifies an event within its platform, as the fact sheets name it.
IDENTITY: dict[str, Callable[[dict[str, Any]], object]] = {
    "sendgrid": lambda e: e["sg_event_id"],
    "mailgun": lambda e: (
        e["signature"]["token"]
        if "signature" in e and isinstance(e["signature"], dict)
        else (e["token"] if "token" in e else json.dumps(e, sort_keys=True))
    ),
    "postmark": lambda e: json.dumps(e, sort_keys=True),
    "twilio": lambda e: (e["MessageSid"], e.get("MessageStatus"), e.get("ErrorCode")),
    "segment": lambda e: e["messageId"],
}
FIELDS = {
    "sendgrid": {"email", "timestamp", "event", "sg_event_id", "sg_message_id"},
    "postmark": {"RecordType", "MessageID", "ServerID", "MessageStream", "Metadata"},
    "twilio": {"MessageSid", "From", "To", "AccountSid"},
    "segment": {"type", "messageId", "userId", "timestamp"},
}


def lines(directory: Path, folder: str = "webhook_deliveries") -> Iterator[tuple[str, str]]:
    """Every line under a folder of the landing zone, with the source that its path names."""
    for path in sorted((directory / folder).rglob("*.ndjson")):
        source = next((p[7:] for p in path.parts if p.startswith("source=")), "")
        for line in path.read_text().splitlines():
            yield source, line


def deliveries(directory: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every line that is whole."""
    for source, line in lines(directory):
        try:
            yield source, json.loads(line)
        except ValueError:
            continue


def elements(source: str, payload: str) -> list[Any]:
    """The elements of a payload that can be read, as staging would split it."""
    try:
        body = json.loads(payload)
    except ValueError:
        return []
    if isinstance(body, dict) and source == "segment" and "batch" in body:
        body = body["batch"]
    if source in ("sendgrid", "segment") and isinstance(body, list):
        return body
    return [body]


def is_good(element: Any) -> bool:
    """Whether the element is one of those that `Summary.events` counts."""
    return isinstance(element, dict) and "-unreadable" not in json.dumps(element)


def good_elements(directory: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for source, delivery in deliveries(directory):
        if source not in SOURCES or delivery["received_at"] is None:
            continue
        for element in elements(source, delivery["payload"]):
            # The body that is cut off carries no mark of its own: it cannot be read.
            if is_good(element):
                yield source, element


def digest(directory: Path) -> str:
    """One hash over every path and byte under a directory."""
    total = hashlib.sha256()
    for path in sorted(p for p in directory.rglob("*") if p.is_file()):
        total.update(str(path.relative_to(directory)).encode())
        total.update(path.read_bytes())
    return total.hexdigest()


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Summary]:
    directory = tmp_path_factory.mktemp("landing")
    return directory, land(directory, events=30_000, seed=7, days=40, duplicate_share=0.05)


def test_same_arguments_land_the_same_bytes(tmp_path: Path) -> None:
    first = land(tmp_path / "a", events=3_000, seed=5, days=20)
    second = land(tmp_path / "b", events=3_000, seed=5, days=20)
    assert first == second
    assert digest(tmp_path / "a") == digest(tmp_path / "b")


def test_another_seed_lands_other_bytes(tmp_path: Path) -> None:
    land(tmp_path / "a", events=500, seed=5, days=5)
    land(tmp_path / "b", events=500, seed=6, days=5)
    assert digest(tmp_path / "a") != digest(tmp_path / "b")


@pytest.mark.parametrize("events", [0, 1, 7, 1_234])
def test_lands_exactly_as_many_events_as_asked(tmp_path: Path, events: int) -> None:
    summary = land(tmp_path, events=events, seed=3, days=3)
    assert summary.events == events == sum(summary.by_source.values())
    assert sum(1 for _ in good_elements(tmp_path)) == events + summary.duplicates


def test_counts_of_the_summary_are_those_of_the_files(landed: tuple[Path, Summary]) -> None:
    directory, summary = landed
    seen = [(source, IDENTITY[source](element)) for source, element in good_elements(directory)]
    assert Counter(source for source, _ in set(seen)) == Counter(summary.by_source)
    assert len(seen) - len(set(seen)) == summary.duplicates
    assert summary.duplicates > 100
    assert summary.late > 10
    landed_now = Counter(
        source for source, delivery in deliveries(directory) if delivery["received_at"] is not None
    )
    assert landed_now == Counter(summary.deliveries)
    assert sum(1 for _ in lines(directory, "email_sends")) == summary.sends > 0
    assert sum(1 for _ in lines(directory, "email_opens")) == summary.opens > 0
    assert sum(1 for _ in lines(directory, "contacts")) == summary.contacts > 0
    assert len(list(directory.rglob("*.ndjson"))) == summary.files


def test_every_element_has_the_fields_of_its_platform(landed: tuple[Path, Summary]) -> None:
    directory, _ = landed
    for source, element in good_elements(directory):
        if source == "mailgun":
            data = element.get("event-data", element)
            assert "recipient" in data
            assert float(data["timestamp"]) > 0
            assert "event" in element or "event" in data
        else:
            assert FIELDS[source] <= element.keys(), element
            if source == "twilio":
                assert all(isinstance(value, str) for value in element.values())


def test_all_kinds_of_events_occur(landed: tuple[Path, Summary]) -> None:
    directory, _ = landed
    kinds: Counter[str] = Counter()
    for source, element in good_elements(directory):
        if source == "sendgrid":
            kinds[f"{element['event']}/{element.get('type', '')}"] += 1
            kinds["machine"] += element.get("sg_machine_open", False)
        elif source == "mailgun":
            data = element.get("event-data", {})
            kinds[f"mailgun {data.get('event') or element['event']}"] += 1
        elif source == "postmark":
            kinds[element["RecordType"]] += 1
        elif source == "twilio":
            kinds[element.get("OptOutType") or element.get("MessageStatus") or "text"] += 1
        else:
            kinds[element.get("event") or element["type"]] += 1
    wanted = {
        *("processed/", "delivered/", "open/", "click/", "bounce/bounce", "bounce/blocked"),
        *("dropped/", "spamreport/", "unsubscribe/", "group_unsubscribe/", "machine"),
        *("mailgun failed", "mailgun bounced", "mailgun complained", "mailgun unsubscribed"),
        *("Bounce", "SpamComplaint", "SubscriptionChange", "Delivery", "Open", "Click"),
        *("STOP", "START", "sent", "delivered", "undelivered", "failed", "text"),
        *("identify", "Marketing Preference Updated", "Push Notification Permission Changed"),
    }
    assert wanted <= {kind for kind, count in kinds.items() if count}


def test_rates_are_those_of_a_healthy_sender(landed: tuple[Path, Summary]) -> None:
    directory, _ = landed
    kinds = Counter(
        f"{element['event']}/{element.get('type', '')}"
        for source, element in good_elements(directory)
        if source == "sendgrid"
    )
    sent = kinds["processed/"]
    assert 0.01 < kinds["bounce/bounce"] / sent < 0.03
    assert 0.0005 < kinds["spamreport/"] / sent < 0.008
    assert 0.004 < kinds["unsubscribe/"] / sent < 0.02


def test_every_reason_of_quarantine_is_landed(landed: tuple[Path, Summary]) -> None:
    _, summary = landed
    assert set(summary.quarantined) == {
        *("malformed JSON", "wrong shape", "empty", "unknown source", "unreadable line"),
        *("invalid address", "no recipient", "no received_at"),
    }


def test_a_torn_line_ends_its_file_and_nothing_half_written_stays(
    landed: tuple[Path, Summary],
) -> None:
    directory, summary = landed
    torn = [p for p in directory.rglob("*.ndjson") if not p.read_text().endswith("\n")]
    assert len(torn) == summary.quarantined["unreadable line"]
    assert not list(directory.rglob("*.tmp"))


def test_everything_is_received_in_the_period_and_lies_in_the_folder_of_its_day(
    tmp_path: Path,
) -> None:
    summary = land(tmp_path, events=2_000, seed=2, start=date(2020, 2, 27), days=4)
    begin = datetime(2020, 2, 27, tzinfo=UTC)
    for path in (tmp_path / "webhook_deliveries").rglob("*.ndjson"):
        for line in path.read_text().splitlines():
            if '"payload"' not in line or '"received_at":null' in line:
                continue
            received = datetime.fromisoformat(json.loads(line)["received_at"])
            assert begin <= received < begin + timedelta(days=4)
            assert path.parent.name == f"date={received:%Y-%m-%d}"
    assert begin.isoformat()[:10] <= summary.first_received_at <= summary.last_received_at


def test_two_calls_for_the_same_people_share_no_id(tmp_path: Path) -> None:
    land(tmp_path / "a", events=800, seed=1, days=10, people=90)
    land(tmp_path / "b", events=800, seed=1, start=START + timedelta(days=10), days=2, people=90)
    ids = []
    for name in "ab":
        found = {(s, IDENTITY[s](e)) for s, e in good_elements(tmp_path / name)}
        found |= {("delivery", d["delivery_id"]) for _, d in deliveries(tmp_path / name)}
        ids.append(found)
    assert not ids[0] & ids[1]


@pytest.mark.parametrize("sizes", [{"events": -1}, {"events": 5, "days": 0}])
def test_a_senseless_size_is_refused(tmp_path: Path, sizes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="0 or more"):
        land(tmp_path, **sizes)  # type: ignore[arg-type]


def test_the_story_lands_around_the_turn_of_the_period(tmp_path: Path) -> None:
    before = land_first_days(tmp_path / "a", start=START, days=30)
    after = land_second_day(tmp_path / "b", start=START, days=30)
    turn = (START + timedelta(days=30)).isoformat()
    first = [delivery for _, delivery in deliveries(tmp_path / "a")]
    second = [delivery for _, delivery in deliveries(tmp_path / "b")]
    assert (len(first), len(second)) == (before, after)
    assert all(delivery["received_at"] <= f"{turn}T00" for delivery in first)
    assert all(delivery["received_at"].startswith(turn) for delivery in second)
    told = "".join(delivery["payload"] for delivery in first + second).lower()
    for person in PEOPLE:
        assert f"c-{person.name.lower()}" in told
