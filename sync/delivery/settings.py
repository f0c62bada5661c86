"""What the environment says about a destination: credentials, host, rate, batch size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from sync.delivery.calls import RetryPolicy
from sync.destinations import get, names
from sync.destinations.base import Destination, Limit, Variable
from sync.errors import ConfigError, MissingCredential, UnknownDestination

# Where the platform sets no limit of its own.
_CONNECTIONS = 32


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one destination. values: its own variables that are set."""

    values: Mapping[str, str] = field(repr=False)
    base_url: str | None
    #: Calls per second; None for no limit.
    rate: float | None
    batch_size: int
    #: Seconds that a call may take, from the connection to the last byte of its answer.
    timeout: float
    retry: RetryPolicy
    secrets: tuple[str, ...] = field(repr=False)
    #: Calls of one credential that the platform allows at once; None where it sets no limit.
    most_connections: int | None
    #: The limits that the platform's documents name and the environment does not replace.
    limits: tuple[Limit, ...] = ()
    #: Whether the rate is the environment's: a limit of its own, where else it only spaces calls.
    is_rate_set: bool = False

    @property
    def connections(self) -> int:
        """Most calls under way at once."""
        return _CONNECTIONS if self.most_connections is None else self.most_connections

    @property
    def all_limits(self) -> tuple[Limit, ...]:
        """The limits that calls are kept to: those documented, and a rate that was set."""
        if self.rate is None or not self.is_rate_set:
            return self.limits
        calls = max(int(self.rate), 1)
        return (Limit(calls, calls / self.rate), *self.limits)

    def shared_by(self, jobs: int) -> Settings:
        """Those of each of so many jobs that use one credential at the same time.

        Raises ConfigError where the platform allows fewer connections or calls than there are jobs.
        """
        rate = None if self.rate is None else self.rate / jobs
        # Those of one user or device: a job has all the calls about it.
        shared = [limit for limit in self.limits if not limit.each]
        fewest = min((limit.calls for limit in shared), default=jobs)
        most = fewest if self.most_connections is None else min(fewest, self.most_connections)
        if jobs > most:
            raise ConfigError(
                f"--shard I/{jobs}: this platform allows {most} calls at once; "
                f"push it in at most {most} parts."
            )
        connections = self.most_connections
        return replace(
            self,
            rate=rate,
            most_connections=None if connections is None else connections // jobs,
            limits=tuple(
                one if one.each else one._replace(calls=one.calls // jobs) for one in self.limits
            ),
        )


def read_settings(destination: type[Destination], environment: Mapping[str, str]) -> Settings:
    """The settings. MissingCredential names an unset variable, ConfigError a wrong one."""
    prefix = destination.name.upper()
    values: dict[str, str] = {}
    for variable in destination.variables:
        value = value_of(variable, destination, environment)
        if not value and variable.required:
            also = f" (nor {variable.instead})" if variable.instead else ""
            raise MissingCredential(
                f"{variable.name} is not set{also}: {destination.title} needs {variable.purpose}."
            )
        if variable.is_header and not (value.isprintable() and value.isascii()):
            raise ConfigError(f"{variable.name} holds characters that no HTTP header can carry.")
        if value:
            values[variable.name] = value
    rate = _number(environment, f"{prefix}_RATE", destination.calls_per_second)
    limits = destination.limits
    is_rate_set = bool(environment.get(f"{prefix}_RATE", "").strip())
    if is_rate_set:
        # It replaces the limit of all calls; 0 is for a platform that has none (a sandbox).
        limits = tuple(one for one in limits if rate and not one.is_of_all_calls)
    return Settings(
        values=values,
        base_url=environment.get(f"{prefix}_BASE_URL", "").strip() or None,
        rate=rate or None,
        batch_size=batch_size(destination, environment),
        timeout=_number(environment, "CONTACT_SYNC_TIMEOUT", 30.0) or 30.0,
        retry=RetryPolicy(first_wait=_number(environment, "CONTACT_SYNC_RETRY_WAIT", 0.5)),
        secrets=tuple(
            values[variable.name]
            for variable in destination.variables
            if variable.secret and variable.name in values
        ),
        most_connections=destination.most_connections,
        limits=limits,
        is_rate_set=is_rate_set,
    )


def value_of(
    variable: Variable, destination: type[Destination], environment: Mapping[str, str]
) -> str:
    """What the environment says of a variable; empty where nothing."""
    value = environment.get(variable.name, "").strip()
    if value or not variable.instead:
        return value
    if variable.secret and any(
        environment.get(other.name, "").strip()
        for other in destination.variables
        if other.secret and other.instead
    ):
        # Half of a credential of its own: the other half of another one would not fit.
        return ""
    return environment.get(variable.instead, "").strip()


def unready(names: Iterable[str], environment: Mapping[str, str]) -> dict[str, str]:
    """Which of the destinations cannot be called at all, and the setting to look at.

    No call is made: what the platform says of a key, `check` asks.
    """
    found = {}
    for name in names:
        try:
            read_settings(get(name), environment)
        except UnknownDestination:
            found[name] = unknown_row(name)
        except ConfigError as error:
            found[name] = str(error)
    return found


def unknown_row(name: str) -> str:
    """What to do about a row of destinations.csv that no code stands for."""
    return (
        f"seeds/destinations.csv enables {name!r}, which contact-sync does not know "
        f"(known: {', '.join(names())}). Correct the row, or disable it."
    )


def place(destination: str, environment: Mapping[str, str]) -> str | None:
    """Where a destination's calls go, if not to the platform: a sandbox, a proxy."""
    url = urlsplit(environment.get(f"{destination.upper()}_BASE_URL", "").strip())
    return f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}" if url.netloc else None


def batch_size(destination: type[Destination], environment: Mapping[str, str]) -> int:
    """Items per call; needs no credential."""
    name = f"{destination.name.upper()}_BATCH_SIZE"
    size = _number(environment, name, float(destination.batch_size))
    if size < 1 or size != int(size):
        raise ConfigError(f"{name} must be a whole number of at least 1.")
    return int(size)


def rate(destination: type[Destination], environment: Mapping[str, str]) -> float | None:
    """Calls per second, None for no limit; needs no credential."""
    name = f"{destination.name.upper()}_RATE"
    return _number(environment, name, destination.calls_per_second) or None


def _number(environment: Mapping[str, str], name: str, default: float) -> float:
    text = environment.get(name, "").strip()
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e9:
        raise ConfigError(f"{name} must be a number of at least 0, not {text!r}.")
    return number
