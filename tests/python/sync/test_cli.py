"""The command line itself: help, examples, what it imports."""

from __future__ import annotations

import shlex
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from sync.cli import cli

COMMANDS = sorted(cli.commands)


def test_the_commands_of_this_release_are_there() -> None:
    assert {"plan", "push", "status", "sandbox", "demo"} <= set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example_that_parses(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0
    examples = [
        shlex.split(line)[1:]
        for line in result.output.splitlines()
        if line.strip().startswith(f"contact-sync {name}")
    ]
    assert examples
    command = cli.commands[name]
    for example in examples:
        # Parsed, not run: unknown options and wrong values raise.
        command.make_context(name, example[1:])


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_explained(name: str) -> None:
    command = cli.commands[name]
    context = click.Context(command)
    for parameter in command.params:
        # An argument is explained by the command's own text.
        if isinstance(parameter, click.Argument):
            assert str(parameter.make_metavar(context)).strip("[].") in str(command.help)
            continue
        assert isinstance(parameter, click.Option)
        assert parameter.help or parameter.name == "output", parameter.name


@pytest.mark.parametrize("name", ["plan", "push", "status", "explain", "scrub"])
def test_commands_on_the_warehouse_take_dbts_options(name: str) -> None:
    names = {option for parameter in cli.commands[name].params for option in parameter.opts}
    assert {"--target", "--profiles-dir", "--project-dir", "--output"} <= names


def test_help_imports_nothing_heavy() -> None:
    """What makes --help slow is imports; which ones it makes is the same on every machine."""
    code = (
        "import sys\n"
        "from sync.cli import main\n"
        "sys.argv = ['contact-sync', '--help']\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules}))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.splitlines()[-1]
    for heavy in (
        "duckdb",
        "dbt",
        "httpx",
        "rich",
        "stamina",
        "jinja2",
        "yaml",
        "starlette",
        "pandas",
    ):
        assert f"'{heavy}'" not in loaded


def test_python_dash_m_is_the_same_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sync", "--help"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("Usage: contact-sync ")


def test_http_is_known_to_one_module_only() -> None:
    from pathlib import Path

    root = Path(__file__).parents[3] / "sync"
    users = [
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if "import httpx" in path.read_text(encoding="utf-8")
        # The stand-in for the platforms speaks for itself.
        and "sandbox" not in path.parts
    ]
    assert users == ["http.py"]
