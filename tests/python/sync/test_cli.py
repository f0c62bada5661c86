"""The command line itself: help, examples, what it imports."""

from __future__ import annotations

import shlex
import subprocess
import sys
import urllib.error
from email.message import Message
from pathlib import Path

import click
import pytest
import requests
from click.testing import CliRunner

from sync.cli import cli, main

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


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (PermissionError(13, "Permission denied", "/x/y"), 2, "/x/y cannot be used: Permission"),
        (PermissionError(13, "Permission denied", b"/x/y"), 2, "/x/y cannot be used: Permission"),
        (PermissionError(13, "Permission denied", Path("/x")), 2, "/x cannot be used: Permission"),
        # A file that was opened by its number.
        (OSError(9, "Bad file descriptor", 99), 1, "Bad file descriptor"),
        (OSError(28, "No space left on device"), 1, "No space left on device"),
        (OSError(), 1, "OSError"),
        (requests.ConnectionError("Connection aborted."), 1, "Connection aborted"),
        (requests.Timeout(), 1, "Timeout"),
        (urllib.error.URLError("no route"), 1, "<urlopen error no route>"),
        (
            urllib.error.HTTPError("https://x.example.com/", 503, "Unavailable", Message(), None),
            1,
            "HTTP Error 503: Unavailable",
        ),
    ],
    ids=repr,
)
def test_an_error_of_the_system_is_one_line_and_the_log_has_the_rest(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    error: OSError,
    code: int,
    said: str,
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(cli, "main", fail)
    with caplog.at_level("DEBUG", "sync.cli"), pytest.raises(SystemExit) as ended:
        main()
    (line,) = capsys.readouterr().err.splitlines()
    assert ended.value.code == code
    assert line.startswith(f"Error: {said}")
    assert ("cannot be used" in line) == (code == 2)
    assert not line.endswith("..")
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[1] is error


def test_http_is_known_to_one_module_only() -> None:
    root = Path(__file__).parents[3] / "sync"
    users = [
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if "import httpx" in path.read_text(encoding="utf-8")
        # The stand-in for the platforms speaks for itself.
        and "sandbox" not in path.parts
    ]
    assert users == ["http.py"]
