"""Writes the pages of docs/ that repeat what stands elsewhere: `python -m sync.docs` (make docs).

The commands' own --help becomes docs/cli.md, the YAML of the marts docs/mart-contract.md; a test
compares both with what is committed.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any, Final

import click
import yaml

from sync.cli import cli

PROJECT: Final = Path(__file__).resolve().parents[1]

_CLI_HEAD: Final = """\
# The commands

<!-- Written by `make docs` from the commands' own --help; a test compares the two. -->
"""
_MARTS_HEAD: Final = """\
# The mart contract

<!-- Written by `make docs` from the YAML in models/marts; a test compares the two. -->

What other programs may rely on. The first six are the marts; the others are what `contact-sync
explain` and `status` show of them. dbt enforces names and types of these relations: a build that
would change them fails. A change of a column is announced in the table of `CHANGELOG.md`; a column
is never given another meaning under its old name. All timestamps are UTC (DuckDB: without a zone).
"""
# In the order in which a reader needs them.
_MARTS: Final = (
    "suppression_list",
    "contact_profiles",
    "sync_deltas",
    "events",
    "quarantined_deliveries",
    "backfill_conflicts",
    "unengaged",
)


def pages() -> dict[Path, str]:
    """Every generated page, as it should be."""
    docs = PROJECT / "docs"
    return {docs / "cli.md": _commands(), docs / "mart-contract.md": _marts()}


def _commands() -> str:
    context = click.Context(cli, info_name="contact-sync", terminal_width=88, show_default=True)
    parts = [_CLI_HEAD, _command("contact-sync", cli, context)]
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        if command is not None and not command.hidden:
            inner = click.Context(command, parent=context, info_name=name, terminal_width=88)
            parts.append(_command(f"contact-sync {name}", command, inner))
    return "\n".join(parts)


def _command(title: str, command: click.Command, context: click.Context) -> str:
    text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    return f"## {title}\n\n```\n{text}\n```\n"


def _marts() -> str:
    models = {}
    for path in sorted((PROJECT / "models" / "marts").rglob("*.yml")):
        for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models", []):
            models[model["name"]] = model
    # A mart that this list does not know yet comes last rather than not at all.
    names = [*_MARTS, *sorted(models.keys() - set(_MARTS))]
    return "\n".join([_MARTS_HEAD, *(_mart(models[name]) for name in names if name in models)])


def _mart(model: dict[str, Any]) -> str:
    lines = [f"## {model['name']}", "", _line(model["description"]), ""]
    lines += ["| Column | Type | Meaning |", "|---|---|---|"]
    lines += [
        f"| `{column['name']}` | {column['data_type']} | {_line(column['description'])} |"
        for column in model["columns"]
    ]
    return "\n".join(lines) + "\n"


def _line(text: str) -> str:
    """A description in one line, dbt's doc() blocks put in their place."""
    for name in re.findall(r"{{ *doc\(['\"](\w+)['\"]\) *}}", text):
        text = re.sub(rf"{{{{ *doc\(['\"]{name}['\"]\) *}}}}", _blocks()[name], text)
    return " ".join(text.split()).replace("|", "\\|")


@cache
def _blocks() -> dict[str, str]:
    found: dict[str, str] = {}
    for path in (PROJECT / "models").rglob("*.md"):
        text = path.read_text(encoding="utf-8")
        found |= dict(re.findall(r"{% docs (\w+) %}(.*?){% enddocs %}", text, re.DOTALL))
    return found


def main() -> None:
    """Writes the pages."""
    for path, text in pages().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
