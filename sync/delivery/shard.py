"""Parts of a run that jobs send side by side: by the delta's id, so that no two send the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sync.errors import ConfigError

_MOST = 1000
# Delta ids are md5 in hex: this follows all of them.
_BEYOND = "g"
_IN_RUN_ID = re.compile(r"\.(\d+)of(\d+)$")


@dataclass(frozen=True, slots=True)
class Shard:
    """The part `index` (from 1) of `count`."""

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """The shard that `I/N` names; ValueError for anything else."""
        found = re.fullmatch(r"(\d{1,4})/(\d{1,4})", text.strip())
        if found is None or not 1 <= int(found[1]) <= int(found[2]) <= _MOST:
            raise ValueError(f"{text!r} is not a part like 1/4 (of at most {_MOST})")
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> Shard | None:
        """The shard of a Cloud Run job's task, None where it has one task or is none.

        CLOUD_RUN_TASK_INDEX counts from 0 (Cloud Run's container contract).
        """
        count = environment.get("CLOUD_RUN_TASK_COUNT", "").strip()
        if count in ("", "1"):
            return None
        index = environment.get("CLOUD_RUN_TASK_INDEX", "").strip()
        try:
            return cls.parse(f"{int(index) + 1}/{count}")
        except ValueError:
            raise ConfigError(
                "CLOUD_RUN_TASK_INDEX and CLOUD_RUN_TASK_COUNT are not those of a Cloud Run job: "
                f"{index!r} of {count!r}."
            ) from None

    @property
    def bounds(self) -> tuple[str, str]:
        """The first delta id of the part, and the first that follows it."""
        step = 16**8 / self.count
        first = f"{round(step * (self.index - 1)):08x}"
        return first, _BEYOND if self.index == self.count else f"{round(step * self.index):08x}"

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


def name_of_run(run_id: str, shard: Shard | None) -> str:
    """The id of a run that sends a part."""
    return run_id if shard is None else f"{run_id}.{shard.index}of{shard.count}"


def is_beside(run_id: str, shard: Shard | None) -> bool:
    """Whether another run, by its id, sends another part of the same division."""
    found = _IN_RUN_ID.search(run_id)
    if shard is None or found is None:
        return False
    return int(found[2]) == shard.count and int(found[1]) != shard.index
