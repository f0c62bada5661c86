"""`python -m sync …` as a process of its own, without the half second that its imports take.

A process that has imported them forks for each command. What is started so has its own pid,
environment, folder and files, and ends, is killed and is waited for as any process is.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import importlib
import inspect
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
#: What commands import when they need it; no module of these looks at the environment.
IMPORTED = (
    "sync.backfill.command",
    "sync.cli",
    "sync.delivery.check",
    "sync.delivery.plan",
    "sync.delivery.push",
    "sync.lists.command",
    "sync.operator",
    "sync.privacy.forget",
    "sync.reports.explain_json",
    "sync.reports.scrub",
    "sync.reports.status",
    "sync.run.parts",
    "sync.warehouse.bigquery",
    "anyio._backends._asyncio",
    "google.cloud.bigquery",
    "httpcore._backends.auto",
    "jinja2",
    "rich.console",
    "rich.progress",
    "rich.table",
    "yaml",
)
_PR_SET_CHILD_SUBREAPER = 36


class Command(subprocess.Popen[str]):
    """A process that runs `[python, "-m", "sync", …]`; it is subprocess.Popen in all else.

    It has the hash seed, the locale and the buffering of the process that forks, and a last write
    to a pipe that was closed ends it with 1. One that is to import from elsewhere (PYTHONPATH) is
    started as any other, and so are all where there is no Linux.
    """

    def _execute_child(self, *arguments: Any) -> None:
        execute = subprocess.Popen._execute_child  # type: ignore[attr-defined]
        given = inspect.signature(execute).bind(self, *arguments).arguments
        if sys.platform != "linux" or given["env"].get("PYTHONPATH") != str(ROOT):
            execute(self, *arguments)
            return
        assert given["args"][:3] == [sys.executable, "-m", "sync"], given["args"]
        ignored = ("preexec_fn", "pass_fds", "start_new_session")
        assert not any(given[name] for name in ignored), "options that a fork does not know"
        pipes = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        p2cread, _, _, c2pwrite, _, errwrite = (given[name] for name in pipes)
        files = [own if fd == -1 else fd for own, fd in enumerate((p2cread, c2pwrite, errwrite))]
        request = {
            "arguments": given["args"][3:],
            "environment": dict(given["env"]),
            "folder": os.fspath(given["cwd"]),
        }
        self.pid = _start(request, files)
        self._child_created = True
        self._close_pipe_fds(*(given[name] for name in pipes))  # type: ignore[attr-defined]


def run(
    arguments: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    timeout: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """As subprocess.run does, with the output captured as text."""
    pipe = subprocess.PIPE
    with Command(arguments, cwd=cwd, env=env, text=True, stdout=pipe, stderr=pipe) as process:
        try:
            out, errors = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, errors)


_one_at_a_time = threading.Lock()


def _start(request: Mapping[str, Any], files: Sequence[int]) -> int:
    """Has a command forked with these as its standard files; gives its pid."""
    with _one_at_a_time, _adopting():
        line = _forking_process()
        socket.send_fds(line, [json.dumps(request).encode()], list(files))
        pid = line.recv(32)
    assert pid, "The process that forks commands has ended; what it said is above."
    return int(pid)


@contextmanager
def _adopting() -> Iterator[None]:
    """A command's next parent is this process: it waits for it, and counts its time."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    try:
        yield
    finally:
        prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


@cache
def _forking_process() -> socket.socket:
    """The process that forks, one for this one; it ends when this one does."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.python.commands", str(its.fileno())],
            pass_fds=[its.fileno()],
            stdin=subprocess.DEVNULL,
            cwd=ROOT,
        )
    ours.settimeout(60)
    atexit.register(process.wait)
    atexit.register(ours.close)
    return ours


def _next_request(line: socket.socket) -> dict[str, Any]:
    """Forks for each request; returns in the command's process only."""
    while True:
        text, files, _, _ = socket.recv_fds(line, 1 << 20, 3)
        if not text:
            sys.exit()
        told, tell = os.pipe()
        between = os.fork()
        if between == 0:
            # Its parent ends at once: whoever asked for the command is its parent then.
            command = os.fork()
            if command:
                os.write(tell, str(command).encode())
                os._exit(0)
            for file in (line.detach(), told, tell):
                os.close(file)
            for place, file in enumerate(files):
                os.dup2(file, place)
                os.close(file)
            request: dict[str, Any] = json.loads(text)
            return request
        os.close(tell)
        os.waitpid(between, 0)
        pid = os.read(told, 32)
        for file in (told, *files):
            os.close(file)
        if not pid:
            sys.exit("A command could not be forked.")
        line.send(pid)


def _reopened(name: str, mode: str) -> Any:
    """A standard file as Python opens it at its start."""
    known = getattr(sys, name)
    buffering = 1 if os.isatty(known.fileno()) or name == "stderr" else -1
    return open(known.fileno(), mode, buffering, known.encoding, known.errors, closefd=False)


def main() -> None:
    """Imports what commands need, then becomes each command that is asked for."""
    line = socket.socket(fileno=int(sys.argv[1]))
    # Its end is that of the tests, which say what they were stopped by.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for module in IMPORTED:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    request = _next_request(line)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        setattr(sys, name, _reopened(name, mode))
    sys.argv = ["sync", *request["arguments"]]
    code = _exit_code()
    # What Python does at its end, but for taking apart what was imported.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for file in (sys.stdout, sys.stderr):
        file.flush()
    os._exit(code)


def _exit_code() -> int:
    """Runs the command; gives what it exits with."""
    try:
        runpy.run_module("sync", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        sys.stderr.write(f"{ended.code}\n")
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    main()
