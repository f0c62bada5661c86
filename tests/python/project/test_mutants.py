"""The list of mutants keeps up with the code that it breaks, and its table with the list."""

import pytest

from tests.mutants.mutants import MUTANTS, Mutant
from tests.mutants.run import table_of
from tests.python.conftest import ROOT


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_text_that_a_mutant_breaks_is_there(mutant: Mutant) -> None:
    assert mutant.before in (ROOT / mutant.file).read_text()


def test_the_table_names_every_mutant_and_a_test_that_caught_it() -> None:
    rows = table_of((ROOT / "CONTRIBUTING.md").read_text())
    assert list(rows) == [mutant.name for mutant in MUTANTS]
    for mutant in MUTANTS:
        _, file, test = rows[mutant.name].strip("| ").split(" | ")
        assert file == f"`{mutant.file}`"
        # A target is the whole id, or what stands before the test or its parameters.
        assert any(f"tests/python/{test.strip('`')}".startswith(seen) for seen in mutant.seen_by)
