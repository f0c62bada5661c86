"""What a message says. Counts and names of sources and destinations, nobody's address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sync.alerts.incidents import News
from sync.clock import duration
from sync.redaction import redact


@dataclass(frozen=True, slots=True)
class Words:
    """holds: with {value} and {threshold}. ended: that it holds no more. next: what to do."""

    holds: str
    ended: str
    next: str


#: By the rule of seeds/alert_rules.csv.
RULES: Final[Mapping[str, Words]] = {
    "no_build": Words("no build is recorded", "there is a build", "Run `contact-sync build`."),
    "build_failed": Words(
        "builds failed: {value} since the last that was ok",
        "the newest build is ok",
        "Nothing is pushed until it is mended. Run `contact-sync build`: it says what failed.",
    ),
    "build_old": Words(
        "the newest build is {value} h old",
        "there is a newer build",
        "Nothing is pushed from it. Look whether the schedule, or `contact-sync run`, is at work.",
    ),
    "run_died": Words(
        "`contact-sync run` died",
        "`contact-sync run` is at work, or was stopped",
        "Start it again: nothing is received, built or pushed by it.",
    ),
    "source_silent": Words(
        "nothing was received for {value} h (told from {threshold} h on, by its habit)",
        "it sends again, or has been silent for so long that silence is its habit",
        "Look at the webhook's settings at the platform, and at the receiver's log.",
    ),
    "requests_4xx": Words(
        "{value} % of the last hour's webhook requests were refused (4xx)",
        "fewer webhook requests are refused (4xx), or none came",
        "A secret may have changed: the receiver's log says why.",
    ),
    "requests_5xx": Words(
        "{value} % of the last hour's webhook requests were answered with 5xx",
        "fewer webhook requests are answered with 5xx, or none came",
        "The receiver's log says why; the platform sends them again.",
    ),
    "quarantined": Words(
        "{value} % of the last 24 hours' elements could not be read",
        "fewer elements are quarantined",
        "Look at quarantined_deliveries.",
    ),
    "opt_outs_pending": Words(
        "an opt-out is pending for {value} h",
        "no opt-out is pending for so long",
        "Run `contact-sync status`, then `contact-sync push`: it says what keeps it.",
    ),
    "opt_outs_over_48_hours": Words(
        "opt-outs pending for longer than 48 hours: {value}",
        "no opt-out is pending for longer than 48 hours",
        "Run `contact-sync push`: it says what keeps them.",
    ),
    "opt_outs_over_10_business_days": Words(
        "opt-outs pending for longer than ten business days: {value}",
        "no opt-out is pending for longer than ten business days",
        "US law allows no more. Run `contact-sync push`: it says what keeps them.",
    ),
    "opt_outs_rejected": Words(
        "opt-outs that the platform will never take: {value}",
        "the platform rejects no opt-out that is wanted",
        "Nobody may write to them from there. `contact-sync status` says why.",
    ),
    "rejected": Words(
        "other changes that the platform rejected in 24 hours: {value}",
        "fewer changes were rejected in the last 24 hours",
        "`contact-sync status` says why.",
    ),
    "failed": Words(
        "changes that failed: {value}",
        "no pending change has failed",
        "The next push tries them again. `contact-sync status` says why they failed.",
    ),
    "guard_stopped": Words(
        "pushes that the guard stopped: {value}",
        "a push was sent",
        "Run `contact-sync plan`, then `contact-sync push --plan HASH` if it is right.",
    ),
    "pushes_failed": Words(
        "pushes that failed: {value}",
        "a push was sent",
        "Run `contact-sync push`: it says what failed.",
    ),
    "rate_limited": Words(
        "changes answered with 429 in the last hour: {value}",
        "no change was answered with 429 in the last hour",
        "Others may use up the platform's limit. Lower <DESTINATION>_RATE, or push less often.",
    ),
    "possible_opt_outs": Words(
        "a reply that may be an opt-out waits for {value} h",
        "no reply waits for so long",
        "Read possible_opt_outs: `contact-sync suppress --person-asked` or `dismiss`.",
    ),
    "opt_outs_unlinked": Words(
        "an opt-out by the platform's own id waits for its address for {value} h",
        "no opt-out waits for its address for so long",
        "Import the platform's export with both (`contact-sync backfill`): docs/platform-ids.md.",
    ),
    "deliverability": Words(
        "rates of bounces, complaints or opt-outs that are too high: {value}",
        "no rate of the last 24 hours is too high",
        "Look at deliverability_alerts, or `contact-sync report`.",
    ),
}
_UNKNOWN: Final = Words("{value}, told from {threshold} on", "it holds no more", "")
_BEFORE: Final = {"began": "", "reminded": "still: ", "ended": "over: "}


@dataclass(frozen=True, slots=True)
class Message:
    """What a channel is told. state: as in raw.alerts."""

    state: str
    title: str
    body: str


def message_of(news: News, target: str) -> Message:
    """The message of a piece of news. target: of the dbt profile, which tells warehouses apart."""
    words = RULES.get(news.rule, _UNKNOWN)
    what = words.ended if news.condition is None else _holds(news, words)
    # A source's name comes from outside where a loader lands.
    subject = f"{redact(news.subject)}: " if news.subject else ""
    title = f"contact-sync ({target}): {_BEFORE[news.state]}{subject}{what}"
    return Message(news.state, title, "\n".join(_lines(news, words)))


def _holds(news: News, words: Words) -> str:
    assert news.condition is not None
    return words.holds.format(value=f"{news.value:,}", threshold=f"{news.condition.threshold:,}")


def _lines(news: News, words: Words) -> list[str]:
    told = [f"Rule {news.rule}, incident {news.incident_id[:8]}."]
    if news.condition is None:
        lasted = duration((news.told_at - news.began_at).total_seconds())
        return [f"It was told {lasted} ago.", *told]
    since = news.condition.since
    first = [] if since is None else [f"Since {since:%Y-%m-%d %H:%M} UTC."]
    return [*first, *filter(None, [words.next]), *told]
