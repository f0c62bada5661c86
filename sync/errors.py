"""Everything that contact-sync raises on purpose.

SyncError                       exit 1
├── ConfigError                 exit 2: something the user sets is missing or wrong
│   ├── ProfileError            profiles.yml cannot be found, read or used
│   ├── WarehouseMissing        the database or its tables are not there yet
│   ├── WarehouseDenied         the account lacks a right on it
│   ├── WarehouseElsewhere      the dataset is in another location than the profile says
│   ├── BytesExceeded           a query would read more than maximum_bytes_billed allows
│   ├── UnknownDestination
│   ├── MissingCredential
│   ├── UnknownScope            the platform lacks the list that a row or --scope names
│   └── ListNotReadable         the platform shows nobody who is on its list
├── GuardStop                   exit 3: an implausible change, or a bad build
│   └── PlanChanged             the set of deltas is not the one that `plan` printed
├── LockHeld                    exit 4: another run sends to this destination
├── BuildWaits                  exit 4: another build, or a reader, has the warehouse for itself
├── BuildFailed                 a model or a test of a build failed
├── LockLost                    another run took the lock over while this one could not renew it
├── WarehouseBusy               another process kept the warehouse for itself for too long
├── WarehouseUnavailable        the warehouse did not answer, or failed by itself: it may pass
│   └── QuotaExceeded           a quota of the warehouse is used up
├── Stopped                     exit 143: SIGTERM
└── PlatformError               what a platform answered, or that it did not
    ├── RetryableError          the same call may succeed later
    │   ├── RateLimited         429
    │   ├── PlatformFailed      5xx, 408
    │   ├── PlatformUnreachable no answer: refused, reset, timed out
    │   └── AnswerUnreadable    cut off, too large, no JSON, or not what the platform documents
    ├── CredentialRefused       401, 403: ends the destination's run
    ├── ItemsRefused            400, 422: at least one item of the call is at fault
    ├── CallTooLarge            413: the call must be split, no item is at fault
    ├── NotThere                404
    ├── ListNotThere            404 that names the list, not the item
    ├── RefusedForNow           4xx whose words say that it passes: for the next run
    ├── NeedsPerson             somebody must act first: ends that channel and scope only
    ├── UnexpectedAnswer        any other status
    └── DestinationDown         too many calls in a row failed: ends the destination's run

Whether a call is repeated, and whether it ends the run, are properties of the class.
No message holds a credential or an address. Beside the tree stands Unreachable, which no command
sees: the receiver answers a platform instead.
"""

from __future__ import annotations

from typing import ClassVar


class SyncError(Exception):
    """Base of all; str() is what the user reads and says what to do."""

    exit_code: ClassVar[int] = 1


class ConfigError(SyncError):
    """A setting, a row of a seed or an option is missing or wrong."""

    exit_code = 2


class ProfileError(ConfigError):
    """The dbt profile cannot be found, read or used."""


class WarehouseMissing(ConfigError):
    """The warehouse, or a table that dbt makes, is not there yet."""


class WarehouseDenied(ConfigError):
    """The account that the profile names lacks a right; the message names it and where."""


class WarehouseElsewhere(ConfigError):
    """The dataset is in another location than the profile says."""


class BytesExceeded(ConfigError):
    """A query would read more than the profile's maximum_bytes_billed allows; nothing was read."""


class UnknownDestination(ConfigError):
    """No platform of that name."""


class MissingCredential(ConfigError):
    """A credential is not set, or the warehouse does not accept it."""


class UnknownScope(ConfigError):
    """A row of seeds/destinations.csv, or --scope, names a list that the platform does not have."""


class ListNotReadable(ConfigError):
    """The platform shows nobody who is on its list; the message says what there is instead."""


class GuardStop(SyncError):
    """The guard found something implausible; nothing was sent."""

    exit_code = 3


class PlanChanged(GuardStop):
    """The deltas are no longer those that `plan` printed the hash of."""


class LockHeld(SyncError):
    """Another run holds the destination's lock."""

    exit_code = 4


class BuildWaits(SyncError):
    """The turn of a build did not come in time, for another one or a reader went on."""

    exit_code = 4


class BuildFailed(SyncError):
    """A model or a test of a build failed; the message names it."""


class LockLost(SyncError):
    """The lock expired before it could be renewed, and another run has it now."""


class WarehouseBusy(SyncError):
    """Another process holds the warehouse."""

    exit_code = 4


class WarehouseUnavailable(SyncError):
    """The warehouse did not answer or failed by itself; what was asked of it may be done or not."""


class QuotaExceeded(WarehouseUnavailable):
    """A quota of the warehouse is used up."""


class Stopped(SyncError):
    """SIGTERM arrived; what was in flight is recorded."""

    exit_code = 143


class PlatformError(SyncError):
    """A call to a platform did not do what it should.

    status: the HTTP status, None where no answer came. attempts: calls made, 0 if it was not sent.
    code: the platform's own word for what is wrong, if it has one. retry_after: seconds that the
    platform asks us to wait, if it says so.
    """

    #: Whether the destination's run makes no sense after it.
    ends_run: ClassVar[bool] = False
    #: Whether the platform may be at fault as a whole: three such calls in a row end the run.
    may_be_down: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        attempts: int = 1,
        code: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.attempts = attempts
        self.code = code
        self.retry_after = retry_after


class RetryableError(PlatformError):
    """The same call may succeed later."""

    may_be_down = True


class RateLimited(RetryableError):
    """Too many calls."""


class PlatformFailed(RetryableError):
    """The platform had a fault of its own."""


class PlatformUnreachable(RetryableError):
    """No answer came; whether the call took effect is unknown."""


class AnswerUnreadable(RetryableError):
    """The answer is cut off, too large or not what is documented; the effect is unknown."""


class CredentialRefused(PlatformError):
    """The platform does not accept the credential, or it lacks a right."""

    ends_run = True


class ItemsRefused(PlatformError):
    """The platform refused the whole call because of one or more of its items."""


class CallTooLarge(PlatformError):
    """The body is larger than the platform takes."""


class NotThere(PlatformError):
    """The thing that the call names is not at the platform."""


class ListNotThere(PlatformError):
    """The list, domain or group that the call names is not at the platform."""


class RefusedForNow(PlatformError):
    """The platform refused the call with words that say that it passes (4xx).

    It is not repeated in this run. The platform is up: it spoke of what was in the call.
    """


class NeedsPerson(PlatformError):
    """The platform takes it only after somebody changed something there, or a row of a seed.

    It ends what the run sends to that channel and scope, and nothing else.
    """


class UnexpectedAnswer(PlatformError):
    """An answer that nothing in the platform's documents explains."""

    may_be_down = True


class DestinationDown(PlatformError):
    """So many calls failed in a row that going on makes no sense."""

    ends_run = True


class Unreachable(Exception):
    """What the receiver needs from elsewhere (a certificate) cannot be had now: it answers 503."""
