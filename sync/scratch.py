"""Local files of a run. They hold addresses: only this user reads them, and nothing stays behind.

Every command of ours makes its files for its own user alone (`for_this_user_only`). What a killed
run left, the next run of any command deletes: the process id is in the name.
"""

from __future__ import annotations

import errno
import glob
import hashlib
import os
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Final

_PREFIX: Final = "contact-sync-"
# Seconds after which what another machine left, or this one before it was started, is nobody's.
_OLD: Final = 24 * 3600.0
_OWNER: Final = re.compile(r"(?P<machine>[0-9a-f]{8})-(?P<pid>\d{1,9})-[a-z0-9_]+(?:\.[^.]+)?$")


def for_this_user_only() -> None:
    """Files that this process and its children make from now on have mode 0600, folders 0700."""
    os.umask(0o077)


def new_folder() -> Path:
    """A folder of this process among the temporary ones; its user deletes it."""
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{_owner()}-"))


@contextmanager
def partial_file(path: Path) -> Iterator[Path]:
    """An empty file beside `path`, of its suffix, that takes its place where the block ends well.

    Raises OSError where it cannot be made, and where `path` is a device or a pipe: root would put
    a file in the place of /dev/null.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    _sweep(path.parent, f".{glob.escape(path.stem)}.*-*-*{glob.escape(path.suffix)}")
    handle, name = tempfile.mkstemp(path.suffix, f".{path.stem}.{_owner()}-", path.parent)
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def sweep() -> None:
    """Deletes the folders of runs that were killed."""
    # A machine may have no folder for temporary files, and most commands need none.
    with suppress(OSError):
        _sweep(Path(tempfile.gettempdir()), f"{_PREFIX}*-*-*")


def _sweep(folder: Path, pattern: str) -> None:
    for left in folder.glob(pattern):
        # Gone meanwhile, or another user's.
        with suppress(OSError):
            owner = _OWNER.search(left.name)
            if owner is None or left.lstat().st_uid != os.getuid() or _is_in_use(left, owner):
                continue
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink()


def _is_in_use(left: Path, owner: re.Match[str]) -> bool:
    if owner["machine"] == machine():
        return is_alive(int(owner["pid"]))
    return time.time() - left.lstat().st_mtime < _OLD


def _owner() -> str:
    return f"{machine()}-{os.getpid()}"


@cache
def machine() -> str:
    """Where process ids mean the same: this boot of this machine, and its container."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        place = boot + str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        place = platform.node()
    return hashlib.sha256(place.encode()).hexdigest()[:8]


def is_alive(pid: int) -> bool:
    """Whether this machine runs a process of that id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def readable_by_others(*paths: Path) -> list[Path]:
    """Those of these files and folders that exist and that other users may read."""
    return [path for path in paths if path.exists() and path.stat().st_mode & 0o077]
