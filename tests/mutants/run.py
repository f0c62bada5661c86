"""`make mutants`: breaks one rule at a time in a copy of the tree and runs the tests there."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.mutants.mutants import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
# Without the test that the text to break stands in its file: it would catch every mutant.
WHOLE_SUITE = ("tests/python", "--ignore", "tests/python/project/test_mutants.py")
FAILED = re.compile(r"^(?:FAILED|ERROR) (\S.*?)(?: - (.*))?$", re.MULTILINE)
#: Between these lines of a Markdown file stands the table.
BEGIN, END = "<!-- mutants: written by a command -->\n", "<!-- end of mutants -->\n"


@dataclass(frozen=True)
class Found:
    """What became of one break. test: the one that caught it. why: what it said."""

    test: str | None
    why: str
    seconds: float


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


def run_tests(directory: Path, targets: Sequence[str]) -> tuple[str, str] | None:
    """The first test that fails in the tree, with what it said; None if all pass."""
    options = ("-x", "-q", "--no-header", "-p", "no:cacheprovider")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *targets],
        cwd=directory,
        # Wide, or pytest leaves out what a test said.
        env={**os.environ, "PYTHONPATH": str(directory), "COLUMNS": "1000"},
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
    return found.group(1), found.group(2) or ""


def catch(mutant: Mutant, *, whole: bool = False) -> Found:
    """Which test catches the break. whole: the suite is asked where those that should do not."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="contact-sync-mutant-") as name:
        directory = Path(name)
        copy_tree(directory)
        break_rule(directory, mutant)
        found = run_tests(directory, mutant.seen_by)
        if found is None and whole:
            found = run_tests(directory, WHOLE_SUITE)
    test, why = found or (None, "")
    return Found(test, why, time.monotonic() - started)


def unbroken(mutants: Sequence[Mutant]) -> tuple[str, str] | None:
    """What fails of the mutants' tests where nothing is broken: it could catch nothing."""
    with tempfile.TemporaryDirectory(prefix="contact-sync-mutant-") as name:
        copy_tree(Path(name))
        return run_tests(Path(name), list(dict.fromkeys(t for m in mutants for t in m.seen_by)))


def table_of(text: str) -> dict[str, str]:
    """The rows of the table in a Markdown text, by the name of the mutant."""
    _, begin, rest = text.partition(BEGIN)
    table, end, _ = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the lines {BEGIN.strip()} and {END.strip()} are not in it")
    return {line.split(" | ")[0].removeprefix("| "): line for line in table.splitlines()[2:]}


def with_row(text: str, mutant: Mutant, found: Found) -> str:
    """A Markdown text with the row of this mutant in its table, the others as before."""
    test = f"`{found.test.removeprefix('tests/python/')}`" if found.test else "nothing"
    rows = {**table_of(text), mutant.name: f"| {mutant.name} | `{mutant.file}` | {test} |"}
    head = ["| Rule broken | In | Caught by |", "|---|---|---|"]
    table = "\n".join([*head, *(rows[m.name] for m in MUTANTS if m.name in rows)])
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}{table}\n{END}{rest.partition(END)[2]}"


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("words", nargs="*", help="only mutants with all these words in their names")
    parser.add_argument("--jobs", type=int, default=2, help="mutants side by side")
    parser.add_argument(
        "--whole", action="store_true", help="ask the whole suite where the tests named pass"
    )
    parser.add_argument("--markdown", type=Path, help="bring the table of this file up to date")
    return parser.parse_args()


def main() -> int:
    """Prints which test catches which break; 1 if one survives, or nothing is sure."""
    asked = arguments()
    console = Console(soft_wrap=True, highlight=False, markup=False)
    wanted = [m for m in MUTANTS if all(word in m.name for word in asked.words)]
    results: dict[str, Found] = {}
    started = time.monotonic()
    with ThreadPoolExecutor(asked.jobs) as pool:
        futures = {pool.submit(catch, m, whole=asked.whole): m for m in wanted}
        sound = pool.submit(unbroken, wanted)
        for number, future in enumerate(as_completed(futures), 1):
            mutant, found = futures[future], future.result()
            results[mutant.name] = found
            console.print(f"[{number}/{len(wanted)}] {mutant.name} ({found.seconds:.0f} s)")
            console.print(f"    {found.test or 'SURVIVED'}\n    {found.why}")
            if asked.markdown is not None:
                text = asked.markdown.read_text()
                asked.markdown.write_text(with_row(text, mutant, found))
        trouble = sound.result()
    table = Table("Rule broken", "In", "Caught by", "Seconds", title=f"{len(wanted)} mutants")
    for mutant in wanted:
        found = results[mutant.name]
        table.add_row(mutant.name, mutant.file, found.test or "SURVIVED", f"{found.seconds:.0f}")
    console.print(table)
    survivors = sum(found.test is None for found in results.values())
    minutes = (time.monotonic() - started) / 60
    spent = sum(os.times()[2:4]) / 60
    console.print(
        f"{len(wanted) - survivors} caught, {survivors} survived,"
        f" in {minutes:.1f} minutes ({spent:.1f} of a processor)"
    )
    if trouble is not None:
        console.print(f"{trouble[0]} fails where nothing is broken, too: {trouble[1]}")
    return 1 if survivors or trouble is not None else 0


if __name__ == "__main__":
    sys.exit(main())
