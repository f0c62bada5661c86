"""What tests read of the pages."""

from __future__ import annotations

import re

from tests.python.conftest import ROOT

#: The queries of docs/questions.md, by the title of the question.
QUERIES = dict(
    re.findall(
        r"^## (.+?)\n.*?^```sql\n(.*?)^```",
        (ROOT / "docs/questions.md").read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
)
