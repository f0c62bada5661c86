"""How much is tried, and under which rules."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tests.python.conftest import project_with_seeds
from tests.python.size import sized

from .world import Rules

# Histories per build set.
COUNT = int(os.environ.get("CONTACT_SYNC_HISTORIES") or sized(small=300, deep=20_000))
SEED = int(os.environ.get("CONTACT_SYNC_HISTORIES_SEED", "20261122"))

TOPICS = "source,topic,suppresses\nsendgrid,318,true\nsendgrid,319,false\n"
# Opt-outs are universal, bounces recorded only, silence reaches every channel.
UNIVERSAL = """reason,attribute,precedence,suppresses
complaint,consent,2,all
unsubscribe,consent,1,all
bounce,deliverability,3,none
soft_bounces,deliverability,6,all
block,operator,5,all
unengaged,engagement,4,all
"""
SHIPPED_POLICY = "the policy as shipped"
UNIVERSAL_POLICY = "universal opt-outs"
# policy -> (seeds, vars)
POLICIES: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    SHIPPED_POLICY: (
        {"topics.csv": TOPICS},
        {
            "max_addresses_per_contact": 2,
            "count_machine_opens": True,
            "soft_bounce_days": 2,
            "soft_bounce_span_days": 6,
        },
    ),
    UNIVERSAL_POLICY: (
        {"topics.csv": TOPICS, "suppression_policy.csv": UNIVERSAL},
        {
            "max_addresses_per_contact": 2,
            "count_machine_opens": False,
            "soft_bounce_days": 2,
            "soft_bounce_span_days": 6,
        },
    ),
}


def project_under(policy: str, home: Path, **dbt_vars: Any) -> tuple[Path, Rules, dict[str, Any]]:
    """A copy of the dbt project under `home` with a policy; the same rules for the oracle; its
    vars.
    """
    seeds, its_vars = POLICIES[policy]
    its_vars = {**its_vars, **dbt_vars}
    project = home / "project"
    project.mkdir()
    project_with_seeds(project, seeds)
    return project, Rules.from_seeds(project / "seeds", **its_vars), its_vars
