"""`contact-sync suppress`, `release` and `dismiss`: an operator's action."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from sync.cli.main import cli
from sync.cli.options import CHANNEL, Project, options, output_option, warehouse_options
from sync.cli.tables import show
from sync.terminal import echo

if TYPE_CHECKING:
    from sync.operator import Channel, Done, Holding, Verb


_CHANNEL = click.option(
    "--channel", type=CHANNEL, required=True, help="The channel of the address."
)
_BY = click.option("--by", required=True, metavar="NAME", help="Who does this.")

#: ADDRESS, --channel, --because, --by, --person-asked: who acts, on what, and why.
action_options = options(
    click.argument("address"),
    _CHANNEL,
    click.option("--because", metavar="TEXT", help="Why; needed unless the person asked."),
    _BY,
    click.option(
        "--person-asked",
        "evidence",
        metavar="EVIDENCE",
        help="The person asked for it: where that can be looked up (a letter, a call). Counts as "
        "the person's own act.",
    ),
)


@cli.command()
@action_options
@warehouse_options
@output_option
def suppress(project: Project, output: str, **action: Any) -> None:
    """Stop ADDRESS on a channel, as an operator's act that is on record.

    It is landed as an event (`block`, by whom and why) and counts from the next build; `push`
    tells the platforms. With --person-asked it is the person's own refusal (`unsubscribe`), which
    then only the person can end.

    \b
    Examples:
      contact-sync suppress noa@example.com --channel email --because "legal hold" --by mia
      contact-sync suppress +14155550100 --channel sms --person-asked "call 4711" --by mia
    """
    _perform("suppress", project, output, **action)


@cli.command()
@action_options
@warehouse_options
@output_option
def release(project: Project, output: str, **action: Any) -> None:
    """Lift what staff or a machine put on ADDRESS, as an operator's act that is on record.

    It ends a block and a bounce (`reactivate`). It cannot end a person's refusal: only the person
    can, and --person-asked records that they did (`subscribe`), with where it can be looked up.

    \b
    Exit codes:
      0  landed, and nothing else holds
      1  landed, but something goes on holding, which is named
      2  usage or configuration

    \b
    Examples:
      contact-sync release noa@example.com --channel email --because "mailbox is back" --by mia
      contact-sync release noa@example.com --channel email --person-asked "letter 12" --by mia
    """
    _perform("release", project, output, **action)


@cli.command()
@click.argument("address")
@_CHANNEL
@click.option("--because", metavar="TEXT", required=True, help="What the text says.")
@_BY
@warehouse_options
@output_option
def dismiss(project: Project, output: str, **action: Any) -> None:
    """Take ADDRESS off `possible_opt_outs`: somebody read its reply, and it is no refusal.

    It is landed as an event (`other`, by whom and why) and counts from the next build, for the
    replies that `possible_opt_outs` shows now: one that came since waits on. It lifts nothing that
    anybody refused.

    \b
    Example:
      contact-sync dismiss +14155550100 --channel sms --because "asks about an order" --by mia
    """
    _perform("dismiss", project, output, evidence=None, **action)


def _perform(
    verb: Verb,
    project: Project,
    output: str,
    *,
    address: str,
    channel: Channel,
    by: str,
    because: str | None,
    evidence: str | None,
) -> None:
    from sync.operator import make_action, perform

    action = make_action(
        verb, channel, address, by=by, because=because, evidence=evidence,
        country=project.country(),
    )  # fmt: skip
    done = perform(action, project.target, project.open(read_only=True))
    show(output, done, print_action, action_json)
    sys.exit(1 if done.remaining else 0)


def print_action(done: Done) -> None:
    """What was landed, and what goes on holding all the same."""
    action = done.action
    echo(
        f"Landed: {action.event_type} of {action.address} on {action.channel}, by {action.by}. "
        "It counts from the next `dbt build`."
    )
    if done.holding is None:
        echo("There is no build yet to say what holds for this address now.")
    for one in done.remaining:
        echo(
            f"It does not end the {one.reason} of {one.since:%Y-%m-%d %H:%M:%S} (event "
            f"{one.event_id}): {_who_ends(one)}.",
            err=True,
        )


def _who_ends(one: Holding) -> str:
    if one.is_consent:
        return "only the person may; where they did, say so with --person-asked EVIDENCE"
    return "seeds/suppression_releases.csv says what does"


def action_json(done: Done) -> dict[str, Any]:
    """What was landed, as data."""
    action = done.action
    return {
        "event_type": action.event_type,
        "channel": action.channel,
        "address": action.address,
        "by": action.by,
        "because": action.because,
        "evidence": action.evidence,
        "holding": None if done.holding is None else [asdict(one) for one in done.holding],
    }
