"""What the third day of the demonstration needs of all platforms: settings, and what each holds."""

import csv
import shutil
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sync.sandbox.platforms import all_platforms

_SEED: Final = "destinations.csv"
_TRAITS: Final = {"segment": "traits", "mparticle": "attributes"}
_STATUSES: Final = {
    "email": "email_subscribed_status",
    "sms": "sms_subscribed_status",
    "push": "push_notification_enabled",
}
# Beside those who must not be contacted, the sandbox tells what was done to them.
_NO_LISTS: Final = frozenset({"texts", "unknown", "subscribed", "pending", "transactional"})


@dataclass(frozen=True, slots=True)
class Someone:
    """A person with one address on each channel."""

    external_id: str
    email: str
    sms: str
    push: str

    def address(self, channel: str) -> str:
        """The address on a channel."""
        return {"email": self.email, "sms": self.sms, "push": self.push}[channel]


def settings(url: str) -> dict[str, str]:
    """Credentials and hosts of every platform of the sandbox, without limits of our own."""
    found: dict[str, str] = {}
    for platform in all_platforms():
        prefix = platform.name.upper()
        found |= {
            platform.key_variable: platform.default_key,
            f"{prefix}_BASE_URL": f"{url}/{platform.name}",
            f"{prefix}_RATE": "0",
            **platform.settings(),
        }
    return found


def enable(project: Path, copy: Path, names: Container[str] | None = None) -> None:
    """A copy of the dbt project in which rows of seeds/destinations.csv are enabled.

    names: whose; None: all of them.
    """
    copy.mkdir()
    for name in ("models", "macros", "snapshots", "dbt_project.yml", "selectors.yml", "tests"):
        (copy / name).symlink_to(project / name)
    shutil.copytree(project / "seeds", copy / "seeds")
    path = copy / "seeds" / _SEED
    with path.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    with path.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, fieldnames=list(rows[0]))
        writer.writeheader()
        for row in rows:
            is_on = names is None or row["destination"] in names
            writer.writerow({**row, "enabled": str(is_on).lower()})


def is_held(lists: Mapping[str, Any], destination: str, channel: str, person: Someone) -> bool:
    """Whether a platform, by its own lists, keeps messages of a channel from a person."""
    found = lists[destination]
    if destination in _TRAITS:
        traits = found[_TRAITS[destination]].get(person.external_id, [{}])[0]
        return traits.get(_STATUSES[channel]) is False
    # Braze knows push by profile.
    is_profile = destination == "braze" and channel == "push"
    wanted = person.external_id if is_profile else person.address(channel)
    return wanted in everyone(found)


def everyone(lists: Any) -> set[str]:
    """Everybody on any list of those who must not be contacted."""
    if isinstance(lists, dict):
        kept = (people for name, people in lists.items() if name not in _NO_LISTS)
        return set().union(*map(everyone, kept))
    return set(lists)
