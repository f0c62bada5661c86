"""`contact-sync suppress` and `release`: an operator's act."""

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


#: ADDRESS, --channel, --because, --by, --person-asked: who acts, on what, and why.
act_options = options(
    click.argument("address"),
    click.option("--channel", type=CHANNEL, required=True, help="The channel of the address."),
    click.option("--because", metavar="TEXT", help="Why; needed unless the person asked."),
    click.option("--by", required=True, metavar="NAME", help="Who does this."),
    click.option(
        "--person-asked",
        "evidence",
        metavar="EVIDENCE",
        help="The person asked for it: where that can be looked up (a letter, a call). Counts as "
        "the person's own act.",
    ),
)


@cli.command()
@act_options
@warehouse_options
@output_option
def suppress(project: Project, output: str, **act: Any) -> None:
    """Stop ADDRESS on a channel, as an operator's act that is on record.

    It is landed as an event (`block`, by whom and why) and counts from the next build; `push`
    tells the platforms. With --person-asked it is the person's own refusal (`unsubscribe`), which
    then only the person can end.

    \b
    Examples:
      contact-sync suppress noa@example.com --channel email --because "legal hold" --by mia
      contact-sync suppress +14155550100 --channel sms --person-asked "call 4711" --by mia
    """
    _act("suppress", project, output, **act)


@cli.command()
@act_options
@warehouse_options
@output_option
def release(project: Project, output: str, **act: Any) -> None:
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
    _act("release", project, output, **act)


def _act(
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
    from sync.operator import make_act, perform

    act = make_act(verb, channel, address, by=by, because=because, evidence=evidence)
    done = perform(act, project.target, project.open(read_only=True))
    show(output, done, print_act, act_json)
    sys.exit(1 if done.remaining else 0)


def print_act(done: Done) -> None:
    """What was landed, and what goes on holding all the same."""
    act = done.act
    echo(
        f"Landed: {act.event_type} of {act.address} on {act.channel}, by {act.by}. It counts from "
        "the next `dbt build`."
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


def act_json(done: Done) -> dict[str, Any]:
    """What was landed, as data."""
    act = done.act
    return {
        "event_type": act.event_type,
        "channel": act.channel,
        "address": act.address,
        "by": act.by,
        "because": act.because,
        "evidence": act.evidence,
        "holding": None if done.holding is None else [asdict(one) for one in done.holding],
    }
