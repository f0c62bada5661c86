"""No input of a user ends in a traceback: hostile arguments and broken files, for every command.

Commands and options are the group's own: a new one is tried without a change here. They run in this
process, through the entry point of the console script. `TEST_SIZE=deep` tries every value at every
parameter.
"""

from __future__ import annotations

import fcntl
import gzip
import os
import random
import shutil
import signal
import socket
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from sync.cli import cli, main
from tests.python.size import sized
from tests.python.sync.engines import DuckDb
from tests.python.sync.world import KEY

COMMANDS = sorted(cli.commands)
#: Done, failed, usage or configuration, guard, held by another.
CODES = {0, 1, 2, 3, 4}

HUGE = "9" * 5000
DEEP = "[" * 100_000
NOT_UTF8 = "\udcff\udcfe"
TEXTS = (
    "", " ", "-", "--", "=", "#1", f"#{HUGE}", "a=b", f"email=#{HUGE}", "=opted_out", "opted_in",
    NOT_UTF8, f"email={NOT_UTF8}", "a\x01b", "\x1b[2J", "\u202e", "\ud800", "'; drop table events",
    "%s{}{0}", "@name", "$1", "../" * 40, "x" * 70_000, HUGE, "[/bold]", "null", "*", "a..b",
    f"{'a' * 64}.example", "http://[", "ann@example.com", "+14155550100",
)  # fmt: skip
# None is a port: what would be served would have no end.
NUMBERS = (
    "-1", "1e3", "0x7fffffff", "nan", "inf", "-inf", "1e999", "\u0661" * 30, "\xb2", "1_000_000",
    str(2**31), str(2**63), str(2**64), f"1{'0' * 400}", HUGE, "0.0000001", "",
)  # fmt: skip
OF_TYPE: Mapping[str, tuple[str, ...]] = {
    "duration": ("0s", "-1h", "1e5d", "nand", "9999999d", f"1{'0' * 400}d", f"{HUGE}s", "0.h", "h"),
    "share[:floor]": ("101%", f"{HUGE}%", f"1{'0' * 400}", f"0:{HUGE}", "-1", "nan", "20%:", "%"),
    "i/n": ("0/0", "5/4", "1/1001", f"1/{HUGE}", "1/2/3", "/", "1/1"),
    "size": ("0", "1GB", "MB", f"{HUGE}MB", "-1KB"),
    "time": (
        "0001-01-01", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-02-30",
        "2026-W01-1", "20260101", "now", "1969-12-31T23:59:59Z", "2026-05-01T08:00:00+00:00:00.01",
    ),
    "integer": NUMBERS,
    "integer range": NUMBERS,
    "float range": NUMBERS,
}  # fmt: skip
PLACES = (
    "", ".", "/dev/null", "/dev/full", "/proc/none", "missing/file", "file/below", "link",
    "x" * 300, "/".join(["x" * 200] * 30), f"{NOT_UTF8}.csv", "a\nb.csv", "folder", "-",
)  # fmt: skip

HEAD = b"email,name,unsubscribed_at\n"
ROW = b"ann@example.com,Ann,2026-01-01\n"
STATUSES = b"device_type,identifier,notification_types\n"
FILES = (
    b"",
    b"\n\n\n",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\x00" * 100,
    b"\x1f\x8b",
    gzip.compress(HEAD + ROW)[:-9],
    gzip.compress(HEAD + ROW)[:14] + b"\xff" * 20,
    HEAD,
    HEAD + b"ann@example.com,Ann,2026-01-01,more\n" + ROW,
    HEAD + b"ann@example.com,Ann,2026-01-01,,,,,,,,,,,,,\n",
    HEAD + b"ann@example.com\nbob@example.com\n",
    (HEAD + ROW * 3).replace(b"\n", b"\r"),
    HEAD + b'"' + ROW * 100,
    b'"email,name\n' * 60,
    b"email" + b"," * 5000 + b"\n" + ROW,
    b"email,email,EMAIL\n" + ROW,
    b"line,mark,c0,email\n1,.,x,ann@example.com\n",
    b"\x00,email\x00,unsubscribed_at\n" + ROW,
    b"email\tphone;name|x,y\n" + ROW,
    (HEAD + ROW).decode().encode("utf-16"),
    (HEAD + ROW).decode().encode("utf-16")[:-1],
    HEAD + b"\xff\xfe@example.com,M\xfcller,2026-13-45\n",
    HEAD + b"ann@example.com," + b"x" * 2_000_000 + b",2026-01-01\n",
    HEAD + b"ann@example.com,Ann,99999999999999999999\nbob@example.com,Bob,-1\n",
    b"sep=;\nemail;unsubscribed_at\nann@example.com;0001-01-01\n",
    b"sep=\x01\nemail\x01x\n",
    b"email_status,email\nsubscribed,ann@example.com,x\n" + b"1" * 5000 + b",bob@example.com\n",
    STATUSES + b"0,token," + b"9" * 5000 + b"\n",
    STATUSES + b"0,token,\xc2\xb2\n",
    b"%PDF-1.7\n\x80\x81\x82",
    b'{"email": "ann@example.com"}\n{"email"\n',
    DEEP.encode(),
    b"[]",
    b'{"sendgrid": 5}',
    b'{"sendgrid": {"bounces": 5}}',
    b'{"none": {}}',
)

OUTPUTS = "contact_sync: {target: a, outputs: {a: %s}}"
#: Of profiles.yml: nothing can be read of these.
PROFILES = (
    DEEP,
    "- " * 100_000,
    "a: " * 10,
    "\udcff",
    "a: \x00",
    "",
    "5",
    "when: 2026-99-99",
    "a: !!int x",
    "a: !!timestamp x",
    "a: !!python/object:os.system x",
    f"a: {HUGE}",
    "? [a]\n: b",
    "a: *none",
    "1: {outputs: {x: 5}}\nb: 2",
    "contact_sync: {target: 7, outputs: {1: {}, x: {}}}",
    OUTPUTS % "&a [*a]",
    OUTPUTS % "5",
    OUTPUTS % "{type: [duckdb]}",
    OUTPUTS % "{type: duckdb, path: {a: b}}",
    OUTPUTS % "{type: duckdb, path: '{{ 1 / 0 }}'}",
    OUTPUTS % "{type: duckdb, path: '{{ env_var() }}'}",
    OUTPUTS % "{type: duckdb, path: '{{ env_var(1) }}'}",
    OUTPUTS % ("{type: duckdb, path: '{{ %s }}'}" % ("(" * 5000)),
    OUTPUTS % "{type: duckdb, path: '{{'}",
    OUTPUTS % "{type: duckdb, path: '{{ none.x.y }}'}",
    OUTPUTS % "{type: bigquery, project: [1], dataset: {}}",
    OUTPUTS % "{type: bigquery, method: service-account, keyfile: file, project: p, dataset: d}",
)
#: Of dbt_project.yml, which may hold what no command reads.
PROJECTS = (*PROFILES, "profile: [1]", "profile: '{{ 1 / 0 }}'", "vars: [1]", "vars: 5",
            "profile: contact_sync\nvars: {default_country_code: [[1]]}",
            "profile: contact_sync\nvars: {default_country_code: &a [*a]}")  # fmt: skip


@dataclass(frozen=True)
class Place:
    """A folder with a profile and a warehouse, and a port that is taken."""

    folder: Path
    port: int

    def restore(self) -> None:
        """As it was before any command."""
        if self.folder.exists():
            shutil.rmtree(self.folder)
        shutil.copytree(self.folder.with_name("before"), self.folder, symlinks=True)

    def write(self, name: str, content: bytes) -> str:
        (self.folder / name).write_bytes(content)
        return name


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("fuzz") / "before"
    folder.mkdir()
    engine = DuckDb(folder / "contact_sync.duckdb")
    engine.create()
    engine.sql("insert into raw.builds select 'id', now(), now(), now(), true")
    engine.sql(
        "insert into destinations (destination, channel, mode, enabled)"
        " values ('sendgrid', 'email', 'suppression', true)"
    )
    (folder / "profiles.yml").write_text(engine.profile)
    (folder / "dbt_project.yml").write_text("profile: contact_sync\n")
    # The demonstration's profile: it ends there, and not after its days.
    (folder / "profiles.example.yml").write_bytes(b"\xff")
    (folder / "file").write_bytes(HEAD + ROW)
    (folder / "link").symlink_to("link")
    (folder / "folder").mkdir()
    with socket.create_server(("", 0)) as listener:
        yield Place(folder.with_name("here"), listener.getsockname()[1])


@pytest.fixture
def place(places: Place) -> Place:
    places.restore()
    return places


@contextmanager
def undone(environment: Mapping[str, str]) -> Iterator[None]:
    """What a command changes of its process is taken back."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    mask, arguments, before = os.umask(0o077), sys.argv, dict(os.environ)
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        sys.argv = arguments
        os.umask(mask)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def run(place: Place, arguments: Sequence[str], **environment: str) -> tuple[int, str]:
    """Exit code and what was printed, after what must hold whatever a command is given."""
    variables = {
        "SENDGRID_API_KEY": KEY,
        "SENDGRID_BASE_URL": "http://127.0.0.1:1/",
        "CONTACT_SYNC_RETRY_WAIT": "0.001",
        "CONTACT_SYNC_FORGET_KEY": KEY,
        "RELAY_WEBHOOK_SECRET": KEY,
        "HOME": str(place.folder),
        **environment,
    }
    shown = f"contact-sync {arguments!r:.1500}"
    code: object = 0
    with undone(variables), chdir(place.folder), CliRunner().isolation() as (_, _, printed):
        sys.argv = ["contact-sync", *arguments]
        try:
            main()
        except SystemExit as ended:
            code = ended.code
        except BaseException:
            pytest.fail(f"{shown}\n{traceback.format_exc()[-3000:]}")
        said = printed.getvalue().decode(errors="replace")
    assert isinstance(code, int), shown
    assert code in CODES, (shown, said)
    assert "Traceback" not in said, (shown, said)
    assert KEY not in said, (shown, said)
    assert code == 0 or said.strip(), shown
    return code, said


def spelled(parameter: click.Parameter, value: str) -> list[str]:
    """A parameter with its value; what begins with `--` is an argument."""
    if isinstance(parameter, click.Argument):
        return ["--", value]
    is_flag = isinstance(parameter, click.Option) and parameter.is_flag
    return [parameter.opts[0]] if is_flag else [parameter.opts[0], value]


def enough(place: Place, command: click.Command) -> dict[str, list[str]]:
    """By parameter, what a command needs to begin, and to end soon."""
    values = {"name": "sendgrid", "because": "why", "yes": "", "wait": "0s"}
    # A port that is taken, and a folder that holds something: nothing is served, no day is shown.
    values |= {"port": str(place.port), "directory": "."}
    given = {}
    for parameter in command.params:
        name = str(parameter.name)
        value = values.get(name)
        if value is None and parameter.required:
            value = "file" if isinstance(parameter.type, click.Path) else "ann@example.com"
            if isinstance(parameter.type, click.Choice):
                value = str(parameter.type.choices[0])
        if value is not None:
            given[name] = spelled(parameter, value)
    return given


def line(name: str, given: Mapping[str, Sequence[str]]) -> list[str]:
    options = [part for parts in given.values() if parts[0] != "--" for part in parts]
    return [name, *options, "--", *(parts[1] for parts in given.values() if parts[0] == "--")]


def hostile(parameter: click.Parameter) -> list[str | bytes]:
    """Values of a parameter, by its type; bytes are what a file holds that is named."""
    if isinstance(parameter.type, click.Path):
        return [*PLACES, *FILES]
    if isinstance(parameter.type, click.Choice):
        return [*map(str, parameter.type.choices), *TEXTS]
    if isinstance(parameter, click.Option) and parameter.is_flag:
        return [""]
    return [*OF_TYPE.get(parameter.type.name, ()), *TEXTS]


@contextmanager
def building(place: Place) -> Iterator[None]:
    """Another build is at it, under a name that is no text: no build begins."""
    with (place.folder / "contact_sync.duckdb.build").open("wb") as lock:
        lock.write(b"\xff\x00\x1b[2J")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.mark.parametrize("name", COMMANDS)
def test_no_argument_ends_in_a_traceback(places: Place, name: str) -> None:
    command = cli.commands[name]
    tries = [(parameter, value) for parameter in command.params for value in hostile(parameter)]
    draw = random.Random(name)
    draw.shuffle(tries)
    for parameter, value in tries[: sized(small=20, deep=len(tries))]:
        places.restore()
        named = value if isinstance(value, str) else places.write("broken", value)
        given = enough(places, command) | {str(parameter.name): spelled(parameter, named)}
        with building(places):
            run(places, line(name, given))


@pytest.mark.parametrize("name", COMMANDS)
def test_several_hostile_arguments_end_in_no_traceback_either(places: Place, name: str) -> None:
    command = cli.commands[name]
    draw = random.Random(f"several {name}")
    for _ in range(sized(small=4, deep=400)):
        places.restore()
        given = enough(places, command)
        for parameter in draw.sample(command.params, min(3, len(command.params))):
            value = draw.choice(hostile(parameter))
            named = value if isinstance(value, str) else places.write("broken", value)
            given[str(parameter.name)] = spelled(parameter, named)
        with building(places):
            run(places, line(name, given))


@pytest.mark.parametrize("name", COMMANDS)
def test_an_argument_that_is_not_utf8_is_named(place: Place, name: str) -> None:
    code, said = run(place, [name, f"M{NOT_UTF8}ller.csv"])
    assert (code, "'M\\udcff\\udcfeller.csv' is not UTF-8" in said) == (2, True), said


def of_the_profile() -> list[str]:
    """The commands that read profiles.yml; a dry run of backfill is none of them."""
    return [
        name
        for name in COMMANDS
        if any(parameter.name == "profiles_dir" for parameter in cli.commands[name].params)
    ]


@pytest.mark.parametrize("text", PROFILES, ids=lambda text: ascii(text[:40]))
def test_a_broken_profile_is_told_in_a_line(place: Place, text: str) -> None:
    place.write("profiles.yml", text.encode(errors="surrogateescape"))
    names = of_the_profile()
    for name in random.Random(ascii(text)).sample(names, sized(small=2, deep=len(names))):
        code, said = run(place, line(name, enough(place, cli.commands[name])))
        assert code == 2, (name, said)


@pytest.mark.parametrize("text", PROJECTS, ids=lambda text: ascii(text[:40]))
def test_a_broken_project_ends_in_no_traceback(place: Place, text: str) -> None:
    place.write("dbt_project.yml", text.encode(errors="surrogateescape"))
    names = of_the_profile()
    for name in random.Random(ascii(text)).sample(names, sized(small=2, deep=len(names))):
        with building(place):
            run(place, line(name, enough(place, cli.commands[name])))


@pytest.mark.parametrize("landing", ["file/below", "/proc/none", "/dev/null"])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_landing_that_cannot_be_written_ends_in_no_traceback(
    place: Place, name: str, landing: str
) -> None:
    with building(place):
        run(place, line(name, enough(place, cli.commands[name])), CONTACT_SYNC_LANDING=landing)


def spoiled(content: bytes, draw: random.Random) -> bytes:
    """The content with some bytes taken out, put in, doubled or in another order."""
    pieces = [b"\x00", b"\r", b"\n", b'"', b",", b";", b"\t", b"\xff", b"\xef\xbb\xbf", b"'", b"@"]
    for _ in range(draw.randint(1, 4)):
        start, end = sorted(draw.randint(0, len(content)) for _ in range(2))
        cut = content[start:end]
        put = draw.choice([b"", cut * 2, cut[::-1], cut.upper(), *pieces])
        content = content[:start] + put + content[end:]
    return draw.choice([content, content, content, gzip.compress(content)])


def test_no_spoiled_file_ends_in_a_traceback(places: Place) -> None:
    """Of every command that takes a file as an argument, and of the profile."""
    draw = random.Random("spoiled")
    readers = [
        name
        for name in COMMANDS
        if any(
            isinstance(parameter, click.Argument) and isinstance(parameter.type, click.Path)
            for parameter in cli.commands[name].params
        )
    ]
    assert {"backfill", "scrub"} <= set(readers)
    for _ in range(sized(small=30, deep=4_000)):
        places.restore()
        name = draw.choice([*readers, "plan"])
        file = places.folder / ("profiles.yml" if name == "plan" else "file")
        file.write_bytes(spoiled(file.read_bytes(), draw))
        run(places, line(name, enough(places, cli.commands[name])))
