"""What all commands have in common: their group, and how errors and signals end them."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from types import FrameType

import click

from sync.errors import ConfigError, SyncError
from sync.terminal import echo

log = logging.getLogger(__name__)


class _Group(click.Group):
    """Refuses arguments that no file, table or platform could take as text."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The arguments of the group, when all of them are UTF-8."""
        for argument in args:
            if any("\ud800" <= char <= "\udfff" for char in argument):
                raise click.UsageError(
                    f"{argument!a} is not UTF-8. Write it in UTF-8; a file, rename it.", ctx
                )
        return super().parse_args(ctx, args)


@click.group(
    cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "show_default": True}
)
@click.version_option(package_name="contact-sync")
def cli() -> None:
    """One place that knows whether a person may be contacted, and makes every platform obey it.

    \b
    contact-sync demo                 see the whole loop on this machine
    contact-sync run                  receive, build and push, until stopped
    contact-sync receive              take the platforms' webhooks
    contact-sync backfill             take the lists of the years before
    contact-sync build                make the models anew from what landed
    contact-sync plan                 what a push would send
    contact-sync check                whether the platforms will let it
    contact-sync push                 send it
    contact-sync status               how things are
    contact-sync alert                tell people when something is wrong
    contact-sync adopt                take over a platform's own lists
    contact-sync reconcile            whether the platforms' lists hold what they should
    contact-sync suppress, release    an operator's act
    contact-sync dismiss              a reply that only looked like a refusal
    contact-sync forget               erase a person, keep the refusal
    contact-sync explain ADDRESS      why somebody may or may not be contacted
    contact-sync scrub FILE           who of a file may be contacted
    contact-sync report               one page: is every opt-out obeyed
    contact-sync segment              who is in an audience
    contact-sync simulate             whom a change of the rules would suppress or free
    """
    from sync.scratch import for_this_user_only, sweep

    for_this_user_only()
    sweep()


def main() -> None:
    """Entry point of the console script: errors become one line and their exit code."""
    try:
        cli.main(prog_name="contact-sync", standalone_mode=True)
    except SyncError as error:
        echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        log.debug("An error of the system, or of a library of the network.", exc_info=True)
        place = _place_of(error)
        if place is None:
            said = error.strerror or str(error) or type(error).__name__
            echo(f"Error: {said.rstrip('.')}.", err=True)
            sys.exit(1)
        echo(
            f"Error: {place} cannot be used: {error.strerror}. Name another place, or mend its "
            "rights.",
            err=True,
        )
        sys.exit(ConfigError.exit_code)


def _place_of(error: OSError) -> str | None:
    """The file or folder that the system could not use; None where the error names none.

    Errors of requests and urllib are OSErrors, too, without an errno: what urllib's name is a URL.
    """
    named: object = error.filename
    if error.errno is None or not isinstance(named, str | bytes | os.PathLike):
        return None
    return os.fsdecode(named)


def stop_on_signals() -> tuple[threading.Event, list[int]]:
    """An event that SIGTERM and Ctrl-C set, and the signals received so far.

    What is in flight may finish; a second Ctrl-C ends it.
    """
    stop = threading.Event()
    received: list[int] = []

    def handle(number: int, _: FrameType | None) -> None:
        received.append(number)
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)
    return stop, received
