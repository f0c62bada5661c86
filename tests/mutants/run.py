"""`make mutants`: breaks one rule at a time in a copy of the tree and runs the tests there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.mutants.mutants import DBT, MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
# Without the test that the text to break stands in its file: it would catch every mutant.
WHOLE_SUITE = ("-n", "2", "--dist", "loadfile", "--ignore", "tests/python/project/test_mutants.py")
FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+?)(?: - .*)?$", re.MULTILINE)


def copy_tree(directory: Path) -> None:
    """The files that git knows or would add, as they are in the working tree."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        source = ROOT / name
        if source.is_file():
            target = directory / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def break_rule(directory: Path, mutant: Mutant) -> None:
    """Apply the break; raises ValueError where its text no longer stands in the file."""
    path = directory / mutant.file
    text = path.read_text()
    if mutant.before not in text:
        raise ValueError(
            f"{mutant.name}: the text to break is not in {mutant.file}: bring it up to date"
        )
    path.write_text(text.replace(mutant.before, mutant.after))


def run_tests(directory: Path, *arguments: str, model: str | None = None) -> str | None:
    """The first test that fails in the tree, None if all pass."""
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-x",
            "-q",
            "--no-header",
            "-p",
            "no:cacheprovider",
            *arguments,
        ],
        cwd=directory,
        env={
            **os.environ,
            "PYTHONPATH": str(directory),
            **({"UNIT_TESTS_OF": model} if model else {}),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode == 0:
        return None
    found = FAILED.search(run.stdout)
    if found is None:
        raise RuntimeError(
            f"pytest ended with {run.returncode}:\n{run.stdout[-2000:]}{run.stderr[-2000:]}"
        )
    return found.group(1)


def catch(mutant: Mutant) -> str | None:
    """Which test catches the break; None if the whole suite passes with it."""
    with tempfile.TemporaryDirectory(prefix="contact-sync-mutant-") as name:
        directory = Path(name)
        copy_tree(directory)
        break_rule(directory, mutant)
        of_model = mutant.likely == DBT and mutant.file.startswith("models/")
        model = Path(mutant.file).stem if of_model else None
        return run_tests(directory, mutant.likely, model=model) or run_tests(
            directory, *WHOLE_SUITE
        )


def main() -> int:
    """Prints which test catches which break; 1 if one survives.

    Arguments: words of the names wanted.
    """
    console = Console(soft_wrap=True)
    wanted = [m for m in MUTANTS if all(word in m.name for word in sys.argv[1:])]
    table = Table("Rule broken", "In", "Caught by", title=f"{len(wanted)} mutants")
    survivors = 0
    for number, mutant in enumerate(wanted, 1):
        console.print(f"[{number}/{len(wanted)}] {mutant.name} ...", markup=False, highlight=False)
        caught = catch(mutant)
        survivors += caught is None
        console.print(f"    {caught or 'SURVIVED'}", markup=False, highlight=False)
        table.add_row(mutant.name, mutant.file, caught or "SURVIVED")
    console.print(table)
    console.print(f"{len(wanted) - survivors} caught, {survivors} survived")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
