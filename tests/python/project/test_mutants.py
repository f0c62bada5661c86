"""The list of mutants keeps up with the code that it breaks."""

import pytest

from tests.mutants.mutants import MUTANTS, Mutant
from tests.python.conftest import ROOT


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_text_that_a_mutant_breaks_is_there(mutant: Mutant) -> None:
    assert mutant.before in (ROOT / mutant.file).read_text()
