"""Lands deliveries of the five platforms, made up but in their real shapes. Any size, any seed.

The result depends on the arguments alone, never on the clock: the same call writes the same bytes.

What a real landing zone holds is in it: messages and what became of them, opt-outs, complaints
and bounces at the rates that a healthy sender sees, identify calls that resend cached traits, opens
by machines, refusals to send that echo an older act, deliveries retried and recut, events that come
in weeks late, clocks that are wrong, and bodies that cannot be read. `Summary` counts them.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from random import Random
from typing import Final

from sync.demo import shapes
from sync.demo.times import Clock, epoch
from sync.landing.files import WholeFiles

SOURCES: Final = ("sendgrid", "mailgun", "postmark", "twilio", "segment")
START: Final = date(2026, 5, 4)
"""The default first day: fixed, and in the past, so that no event lies in the future of a build."""

_DAY: Final = 86_400
_FIRST: Final = (
    "ada",
    "bo",
    "cleo",
    "dan",
    "eva",
    "finn",
    "gus",
    "hana",
    "ian",
    "jun",
    "kim",
    "lou",
)
_DOMAINS: Final = ("mail.example", "post.example", "inbox.example", "home.example", "work.example")
_STOP_WORDS: Final = ("Stop", "STOP", "unsubscribe", "STOPALL", "Cancel")
_CHATTER: Final = ("thanks!", "when do you open?", "please stop", "ok", "Help")

# What a person has done or what became of the address, so far.
_REFUSED, _BOUNCED, _COMPLAINED, _STOPPED = 1, 2, 4, 8


@dataclass(frozen=True, slots=True)
class Summary:
    """What was landed: counts of elements (one event of a platform each) unless said otherwise."""

    events: int
    """Distinct readable elements of the five platforms."""
    by_source: dict[str, int]
    """`events` by platform."""
    deliveries: dict[str, int]
    """HTTP deliveries by platform, unreadable ones included."""
    duplicates: int
    """Elements landed again: retries and recut batches."""
    late: int
    """Elements received a day or more after they happened."""
    quarantined: dict[str, int]
    """What cannot become an event, by the reason that `quarantined_deliveries` gives."""
    sends: int
    """Rows of the sender's own log of sends."""
    opens: int
    """Rows of the sender's own log of opens."""
    contacts: int
    """Rows of the directory."""
    people: int
    files: int
    bytes: int
    first_received_at: str
    last_received_at: str
    """ISO 8601, UTC."""


@dataclass(slots=True)
class _Counts:
    by_source: Counter[str] = field(default_factory=Counter)
    deliveries: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)
    duplicates: int = 0
    late: int = 0
    sends: int = 0
    opens: int = 0
    contacts: int = 0
    first: int | None = None
    last: int = 0


def land(
    directory: Path,
    *,
    events: int,
    seed: int = 1,
    start: date = START,
    days: int = 120,
    people: int | None = None,
    logs: bool = True,
    late_share: float = 0.004,
    duplicate_share: float = 0.01,
) -> Summary:
    """Lands `events` distinct events, received from `start` for `days` days, under `directory`.

    People number one per ten events unless `people` says otherwise. Two calls into one directory
    need different seeds or start days, which tell their deliveries and ids apart; with the same
    `people` they are about the same persons. `logs` adds the sender's own log of sends and opens
    and the directory of contacts.

    Raises ValueError where a size makes no sense.
    """
    if events < 0 or days < 1:
        raise ValueError("events must be 0 or more and days 1 or more")
    population = people if people is not None else max(20, events // 10)
    maker = _Maker(
        directory,
        seed,
        start,
        days,
        population,
        late_share=late_share,
        duplicate_share=duplicate_share,
    )
    if logs:
        maker.directory()
        maker.keep_logs = True
    for day in range(days):
        maker.day(day, events * (day + 1) // days - events * day // days)
    if events:
        maker.unreadable(max(1, events // 20_000))
    return maker.close()


class _Maker:
    """One run: draws messages day by day, keeps what is still on its way, lands it."""

    def __init__(
        self,
        directory: Path,
        seed: int,
        start: date,
        days: int,
        people: int,
        *,
        late_share: float,
        duplicate_share: float,
    ) -> None:
        self._random = Random(f"{seed}/{start.isoformat()}").random
        self._clock = Clock()
        self._start = epoch(start)
        self._end = self._start + days * _DAY
        self._people = people
        self._late_share = late_share
        self._duplicate_share = duplicate_share
        self._state = bytearray(people)
        # Ids of one run never meet those of another seed or start.
        self._run = f"{seed:x}{start:%y%m%d}"
        # Bounce ids lie beyond 2^53, as Postmark's do.
        self._bounces = f"451{seed % 1_000:03d}{start:%y%j}"
        self._lander = WholeFiles(directory, f"demo-{self._run}")
        self._counts = _Counts()
        self._number = 0
        self._delivery = 0
        # Received on that day (number) at that platform: (second, element).
        self._coming: defaultdict[int, defaultdict[str, list[tuple[int, str]]]] = defaultdict(
            lambda: defaultdict(list)
        )
        self._out: list[tuple[str, int, str]] = []
        self.keep_logs = False

    # --- people: everything about a person follows from the number ---

    @staticmethod
    def _email(person: int) -> str:
        # One in a hundred shares a family mailbox with the person before.
        owner = person - 1 if person % 100 == 37 else person
        return f"{_FIRST[owner % 12]}.{owner}@{_DOMAINS[owner % 5]}"

    @staticmethod
    def _phone(person: int) -> str:
        # 999 is an area code that was never given out.
        return f"+1999{person % 10_000_000:07d}"

    def _id(self) -> str:
        self._number += 1
        return f"{self._run}-{self._number:x}"

    # --- one day ---

    def day(self, day: int, events: int) -> None:
        """Draws what is sent on that day until `events` consequences are counted; lands it."""
        begin = self._start + day * _DAY
        left = events
        while left > 0:
            self._out.clear()
            self._action(begin + int(self._random() * _DAY))
            left -= self._send(left)
        for source in SOURCES:
            elements = self._coming[day].pop(source, None)
            if elements:
                elements.sort()
                self._land(source, elements)
        self._coming.pop(day, None)
        self._lander.close()

    def _send(self, room: int) -> int:
        """Puts what the last action made on its way, `room` of it at most; returns how many."""
        made = 0
        start, end, share = self._start, self._end, self._late_share
        for source, happened, text in self._out:
            if happened >= end or made == room:
                continue
            received = happened
            if self._random() < share:
                delay = int(_DAY * (1 + 16 * self._random()))
                if happened + delay < end:
                    received += delay
                    self._counts.late += 1
            self._coming[(received - start) // _DAY][source].append((received, text))
            self._counts.by_source[source] += 1
            made += 1
        return made

    def _action(self, at: int) -> None:
        draw = self._random()
        person = int(self._random() * self._people)
        if draw < 0.66:
            self._email_message(person, at)
        elif draw < 0.80:
            self._text_message(person, at)
        else:
            self._app(person, at)

    def _after(self, at: int, longest: int) -> int:
        """A later second: mostly soon, at times as much as `longest` seconds later."""
        draw = self._random()
        return at + 1 + int(longest * draw * draw * draw)

    def _email_message(self, person: int, at: int) -> None:
        provider = person % 20
        if self.keep_logs and person % 25 == 3:
            self._own_sender(person, at)
        elif provider < 11:
            self._sendgrid(person, at)
        elif provider < 16:
            self._mailgun(person, at)
        else:
            self._postmark(person, at)

    def _own_sender(self, person: int, at: int) -> None:
        """The sender's own log: rows of the warehouse, no deliveries."""
        email, message = self._email(person), self._id()
        moment = self._clock.iso(at)
        self._lander.add(
            f"email_sends/date={moment[:10]}",
            f'{{"recipient_email":"{email}","send_date":"{moment}Z","message_id":"{message}"}}',
        )
        self._counts.sends += 1
        opened = self._after(at + 30, 2 * _DAY)
        if person % 12 == 7 or self._random() > 0.6 or opened >= self._end:
            return
        moment = self._clock.iso(opened)
        self._lander.add(
            f"email_opens/date={moment[:10]}",
            f'{{"id":"{message}.o","recipient_email":"{email}","open_date":"{moment}Z"}}',
        )
        self._counts.opens += 1

    def _sendgrid(self, person: int, at: int) -> None:
        rand, out, state = self._random, self._out, self._state
        table = shapes.SENDGRID_NAMED if person % 5 else shapes.SENDGRID
        mid = self._id()
        email = self._email(person)
        if rand() < 0.01:
            email = email.upper()
        values = {
            "email": email,
            "uid": f"c-{person}",
            "mid": mid,
            "ts": at,
            "id": "",
            "reason": "",
        }

        def add(kind: str, when: int) -> None:
            values["ts"] = when
            values["id"] = f"{mid}.{len(out)}"
            out.append(("sendgrid", when, table[kind] % values))

        refused = state[person] & (_REFUSED | _BOUNCED | _COMPLAINED)
        if refused or rand() < 0.001:
            # One in a thousand is an echo of an act that nobody has on record.
            values["reason"] = (
                "Bounced Address"
                if refused & _BOUNCED
                else "Spam Reporting Address"
                if refused & _COMPLAINED
                else "Unsubscribed Address"
            )
            add("dropped", at)
            if not refused:
                state[person] |= _REFUSED
            return
        add("processed", at)
        draw = rand()
        if draw < 0.02:
            add("bounce", at + 2)
            state[person] |= _BOUNCED
            return
        if draw < 0.05:
            add("blocked" if draw < 0.03 else "deferred", at + 2)
            if draw < 0.04:
                return
        add("delivered", self._after(at, 900))
        # One person in twelve never opens anything.
        if person % 12 == 7 or rand() > 0.6:
            return
        opened = self._after(at + 30, 2 * _DAY)
        add("machine_open" if rand() < 0.4 else "open", opened)
        if rand() < 0.25:
            add("click", opened + 20)
        draw = rand()
        if draw < 0.008:
            add("spamreport", opened + 60)
            state[person] |= _COMPLAINED
        elif draw < 0.03:
            add("unsubscribe", opened + 45)
            state[person] |= _REFUSED
        elif draw < 0.036:
            add("group_unsubscribe", opened + 50)
        elif draw < 0.038:
            add("group_resubscribe", opened + 50)

    def _mailgun(self, person: int, at: int) -> None:
        rand, out, state = self._random, self._out, self._state
        legacy = person % 20 == 11
        if legacy:
            table = shapes.MAILGUN_LEGACY
        else:
            table = shapes.MAILGUN_NAMED if person % 5 else shapes.MAILGUN
        mid = self._id()
        email = self._email(person)
        values = {
            "email": email,
            "domain": email.rpartition("@")[2],
            "uid": f"c-{person}",
            "mid": mid,
            "ts": at,
            "time": "",
            "id": "",
        }

        def add(kind: str, when: int) -> None:
            values["ts"] = when
            values["time"] = f"{when}.{(when * 7) % 1000:03d}"
            values["id"] = f"{mid}.{len(out)}"
            out.append(("mailgun", when, table[kind] % values))

        refused = state[person] & (_REFUSED | _BOUNCED | _COMPLAINED)
        if refused:
            if refused & _REFUSED:
                add("suppress-unsubscribe", at)
            elif not legacy:
                add("suppress-bounce" if refused & _BOUNCED else "suppress-complaint", at)
            return
        if not legacy:
            add("accepted", at)
        draw = rand()
        if draw < 0.02:
            add("permanent", at + 3)
            state[person] |= _BOUNCED
            return
        if draw < 0.04 and not legacy:
            add("temporary", at + 3)
        add("delivered", self._after(at, 900))
        if person % 12 == 7 or rand() > 0.6:
            return
        opened = self._after(at + 30, 2 * _DAY)
        add("opened" if legacy or rand() > 0.4 else "machine_opened", opened)
        if rand() < 0.25:
            add("clicked", opened + 20)
        draw = rand()
        if draw < 0.006:
            add("complained", opened + 60)
            state[person] |= _COMPLAINED
        elif draw < 0.008:
            when = opened + 60
            out.append(("mailgun", when, shapes.MAILGUN_SIMPLIFIED % {"email": email, "ts": when}))
            state[person] |= _COMPLAINED
        elif draw < 0.03:
            add("unsubscribed", opened + 45)
            state[person] |= _REFUSED

    def _postmark(self, person: int, at: int) -> None:
        rand, out, state = self._random, self._out, self._state
        table = shapes.POSTMARK_NAMED if person % 5 else shapes.POSTMARK
        iso = self._clock.iso
        self._number += 1
        values = {
            "email": self._email(person),
            "uid": f"c-{person}",
            "mid": f"{self._number:08x}-7425-40de-944b-{self._run:0>12}",
            "iso": "",
            "local": "",
            "bounce_id": f"{self._bounces}{self._number:08d}",
        }

        def add(kind: str, when: int) -> None:
            values["iso"] = iso(when)
            values["local"] = iso(when - 4 * 3600)
            out.append(("postmark", when, table[kind] % values))

        if state[person] & (_REFUSED | _BOUNCED | _COMPLAINED):
            # Postmark says nothing of what it did not send; staff free an address now and then.
            if state[person] & _BOUNCED and rand() < 0.1:
                add("change_reactivated", at)
                state[person] &= ~_BOUNCED
            return
        draw = rand()
        if draw < 0.02:
            add("HardBounce", at + 4)
            add("change_hard", at + 4)
            state[person] |= _BOUNCED
            return
        if draw < 0.04:
            add("SoftBounce", at + 4)
            return
        add("Delivery", self._after(at, 900))
        if person % 12 == 7 or rand() > 0.6:
            return
        opened = self._after(at + 30, 2 * _DAY)
        add("Open", opened)
        if rand() < 0.25:
            add("Click", opened + 20)
        draw = rand()
        if draw < 0.008:
            add("SpamComplaint", opened + 60)
            add("change_complaint", opened + 60)
            state[person] |= _COMPLAINED
        elif draw < 0.03:
            add("change_manual", opened + 45)
            state[person] |= _REFUSED
        elif draw < 0.033:
            add("change_staff", opened + 45)
            state[person] |= _REFUSED

    def _text_message(self, person: int, at: int) -> None:
        rand, out, state = self._random, self._out, self._state
        phone = self._phone(person)

        def add(kind: str, when: int, body: str = "", keyword: str = "") -> None:
            values = {"mid": mid, "phone": phone, "body": body, "keyword": keyword}
            out.append(("twilio", when, shapes.TWILIO[kind] % values))

        mid = f"SM{self._id()}"
        if state[person] & _STOPPED:
            if rand() < 0.3:
                add("advanced", at, "START", "START")
                state[person] &= ~_STOPPED
            else:
                add("opted_out", at)
            return
        add("sent", at)
        draw = rand()
        if draw < 0.03:
            add("unreachable" if draw < 0.02 else "unknown", at + 8)
            return
        add("delivered", at + 4)
        draw = rand()
        mid = f"SM{self._id()}"
        if draw < 0.03:
            word = _STOP_WORDS[int(rand() * 5)]
            # Half of the numbers have Advanced Opt-Out, which says what it read in the text.
            if person % 2:
                add("advanced", at + 90, word, "STOP")
            else:
                add("incoming", at + 90, word)
            state[person] |= _STOPPED
        elif draw < 0.06:
            add("incoming", at + 90, _CHATTER[int(rand() * 5)])

    def _app(self, person: int, at: int) -> None:
        rand, state = self._random, self._state
        # One in a hundred has moved to another address, and uses both.
        email = f"moved.{person}@new.example" if person % 100 == 61 else self._email(person)
        values = {
            "uid": f"c-{person}",
            "email": email,
            "phone": self._phone(person),
            "token": f"tok{person}:APA91bDemo",
            "iso": self._clock.iso(at),
            "ms": f"{at % 1000:03d}",
            "id": self._id(),
            "channel": "email",
            "status": "subscribed",
            "change": "preference_center",
            "enabled": "true",
        }
        draw = rand()
        if draw < 0.40:
            kind = "identify"
        elif draw < 0.58:
            kind = "identify_true"
        elif draw < 0.59:
            kind = "identify_false"
            state[person] |= _REFUSED
        elif draw < 0.63:
            kind = "identify_push"
        elif draw < 0.65:
            kind = "messaging"
            values["status"] = "UNSUBSCRIBED" if rand() < 0.1 else "SUBSCRIBED"
        elif draw < 0.72:
            kind = "push"
            values["enabled"] = ("true", "true", "true", "false", '\\"false\\"')[int(rand() * 5)]
        elif draw < 0.74:
            kind = "order"
        elif draw < 0.93:
            kind = "page"
        else:
            kind = "preference" if rand() < 0.7 else "preference_named"
            values["channel"] = ("email", "email", "sms", "push", "all")[int(rand() * 5)]
            # Who refused comes back more often than not; who did not, mostly confirms.
            if rand() < (0.3 if state[person] & _REFUSED else 0.25):
                values["status"] = "unsubscribed" if rand() < 0.5 else "opted_out"
                state[person] |= _REFUSED
            elif values["channel"] in ("email", "all"):
                state[person] &= ~(_REFUSED | _COMPLAINED | _BOUNCED)
        if rand() < 0.001:
            # A client's clock: far in the future, or never set.
            values["iso"] = "2038-01-19T03:14:07" if rand() < 0.5 else "1970-01-01T00:00:00"
        self._out.append(("segment", at, shapes.SEGMENT[kind] % values))

    # --- deliveries ---

    def _land(self, source: str, elements: list[tuple[int, str]]) -> None:
        """Cuts a day's elements, in the order received, into deliveries as the platform does."""
        last: list[tuple[int, str]] = []
        for batch, form in self._cut(source, elements):
            received = batch[-1][0] + 1 + int(self._random() * 5)
            self._deliver(source, received, form([text for _, text in batch]))
            if self._random() < self._duplicate_share:
                # A retry carries the same body; SendGrid cuts its batches anew.
                again = last[len(last) // 2 :] + batch if source == "sendgrid" else batch
                self._deliver(
                    source,
                    received + 30 + int(self._random() * 3_000),
                    form([text for _, text in again]),
                )
                self._counts.duplicates += len(again)
            last = batch

    def _cut(
        self, source: str, elements: list[tuple[int, str]]
    ) -> Iterator[tuple[list[tuple[int, str]], Callable[[list[str]], str]]]:
        if source == "sendgrid":
            place = 0
            while place < len(elements):
                size = 5 + int(self._random() * 50)
                yield elements[place : place + size], _array
                place += size
        elif source == "segment":
            place = 0
            while place < len(elements):
                draw = self._random()
                size = 1 if draw < 0.5 else 2 + int(self._random() * 10)
                form = _single if draw < 0.5 else _array if draw < 0.75 else _batch
                yield elements[place : place + size], form
                place += size
        else:
            for element in elements:
                yield [element], _single

    def _deliver(self, source: str, received: int, payload: str) -> None:
        """Lands one delivery; `payload` is escaped already."""
        # The period ends when it ends, for what is retried in its last minutes too.
        received = min(received, self._end - 1)
        counts = self._counts
        counts.deliveries[source] += 1
        if counts.first is None or received < counts.first:
            counts.first = received
        counts.last = max(counts.last, received)
        self._delivery += 1
        moment = self._clock.iso(received)
        self._lander.add(
            f"webhook_deliveries/source={source}/date={moment[:10]}",
            f'{{"delivery_id":"{self._run}-{self._delivery:08x}",'
            f'"received_at":"{moment}.{self._delivery % 1000:03d}Z","payload":"{payload}"}}',
        )

    def unreadable(self, each: int) -> None:
        """Lands `each` of every kind of body, element and line that cannot become an event."""
        for turn in range(each):
            received = self._start + (turn * 7_919 * 3_600 + 40_000) % (self._end - self._start)
            stamp = self._clock.iso(received)
            for source, payload, reasons in _bad_payloads(
                f"{self._run}-unreadable{turn}", received, stamp
            ):
                self._deliver(source, received, shapes.escape(payload))
                self._counts.quarantined.update(reasons)
            self._deliver("acme", received, shapes.escape('{"event":"bounce"}'))
            self._counts.quarantined["unknown source"] += 1
            folder = f"webhook_deliveries/source=sendgrid/date={stamp[:10]}"
            never = shapes.escape(json.dumps([{"email": "never@mail.example", "event": "bounce"}]))
            self._lander.add(
                folder,
                f'{{"delivery_id":"{self._run}-never{turn}","received_at":null,"payload":"{never}"}}',
            )
            self._counts.quarantined["no received_at"] += 1
            self._lander.tear(
                folder, f'{{"delivery_id":"{self._run}-torn{turn}","received_at":"{stamp[:13]}'
            )
            self._counts.quarantined["unreadable line"] += 1

    def directory(self) -> None:
        """Lands the production database's directory of contacts: three people in five are in it."""
        stamp = self._clock.iso(self._start)
        for person in range(self._people):
            if person % 5 < 3:
                self._lander.add(
                    "contacts",
                    f'{{"external_id":"c-{person}","email":"{self._email(person)}",'
                    f'"phone":"{self._phone(person)}","push_token":null,"updated_at":"{stamp}Z"}}',
                )
                self._counts.contacts += 1

    def close(self) -> Summary:
        """Writes what is open and says what was landed."""
        self._lander.close()
        counts = self._counts
        first = self._start if counts.first is None else counts.first
        return Summary(
            events=counts.by_source.total(),
            by_source={source: counts.by_source[source] for source in SOURCES},
            deliveries=dict(counts.deliveries),
            duplicates=counts.duplicates,
            late=counts.late,
            quarantined=dict(counts.quarantined),
            sends=counts.sends,
            opens=counts.opens,
            contacts=counts.contacts,
            people=self._people,
            files=self._lander.files,
            bytes=self._lander.bytes,
            first_received_at=f"{self._clock.iso(first)}Z",
            last_received_at=f"{self._clock.iso(counts.last or first)}Z",
        )


def _single(elements: list[str]) -> str:
    return elements[0]


def _array(elements: list[str]) -> str:
    return f"[{','.join(elements)}]"


_BATCH_HEAD: Final = shapes.escape('{"batch":[')
_BATCH_TAIL: Final = shapes.escape('],"context":{"library":{"name":"analytics-python"}}}')


def _batch(elements: list[str]) -> str:
    return f"{_BATCH_HEAD}{','.join(elements)}{_BATCH_TAIL}"


def _bad_payloads(key: str, second: int, stamp: str) -> list[tuple[str, str, tuple[str, ...]]]:
    """Bodies that cannot become events: source, payload, the reasons they are quarantined for."""

    def sendgrid(email: str) -> dict[str, object]:
        return {
            "email": email,
            "timestamp": second,
            "event": "bounce",
            "sg_event_id": f"{key}-{email}",
        }

    two_addresses = {
        "signature": {"timestamp": str(second), "token": f"{key}-two"},
        "event-data": {
            "event": "complained",
            "id": f"{key}-two",
            "timestamp": second,
            "recipient": "ann@mail.example, bob@mail.example",
        },
    }
    # Postmark has been seen to send such bodies without Email and BouncedAt.
    nobody = {
        "RecordType": "Bounce",
        "ID": second,
        "Type": "Unsubscribe",
        "MessageID": f"{key}-none",
    }
    national = {
        "MessageSid": f"SM{key}",
        "From": "2025550141",
        "To": "+12025550100",
        "Body": "STOP",
    }
    unnamed = {
        "type": "track",
        "event": "Marketing Preference Updated",
        "messageId": f"{key}-unnamed",
        "timestamp": f"{stamp}Z",
        "properties": {"channel": "email", "new_status": "unsubscribed"},
    }
    wrong = [42, sendgrid("not-an-address"), sendgrid("Ann Example <ann@mail.example>")]
    return [
        ("sendgrid", json.dumps([sendgrid("cut@mail.example")])[:-20], ("malformed JSON",)),
        ("sendgrid", "[]", ("empty",)),
        ("sendgrid", json.dumps(wrong), ("wrong shape", "invalid address", "invalid address")),
        ("mailgun", json.dumps(two_addresses), ("invalid address",)),
        ("mailgun", "", ("empty",)),
        ("postmark", json.dumps(nobody), ("no recipient",)),
        ("twilio", json.dumps(national | {"SmsStatus": "received"}), ("invalid address",)),
        ("twilio", "[1, 2]", ("wrong shape",)),
        ("segment", '"hello"', ("wrong shape",)),
        ("segment", json.dumps(unnamed), ("no recipient",)),
    ]
