"""Local files of a run. They hold addresses: only this user reads them, and nothing stays behind.

Every command of ours makes its files for its own user alone (`for_this_user_only`). What a killed
run left, the next run of any command deletes: the process id is in the name.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_PREFIX: Final = "contact-sync-"
_OWNER: Final = re.compile(r"(?:^contact-sync-|\.)(\d+)-")


def for_this_user_only() -> None:
    """Files that this process and its children make from now on have mode 0600, folders 0700."""
    os.umask(0o077)


def new_folder() -> Path:
    """A folder of this process among the temporary ones; its user deletes it."""
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))


@contextmanager
def partial_file(path: Path) -> Iterator[Path]:
    """An empty file beside `path`, of its suffix, that takes its place where the block ends well.

    Raises OSError where it cannot be made.
    """
    _sweep(path.parent, f".{path.stem}.*-*{path.suffix}")
    handle, name = tempfile.mkstemp(path.suffix, f".{path.stem}.{os.getpid()}-", path.parent)
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def sweep() -> None:
    """Deletes the folders of runs that were killed."""
    _sweep(Path(tempfile.gettempdir()), f"{_PREFIX}*-*")


def _sweep(folder: Path, pattern: str) -> None:
    for left in folder.glob(pattern):
        owner = _OWNER.search(left.name)
        if owner is None or is_alive(int(owner[1])):
            continue
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


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
