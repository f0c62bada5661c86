"""The one door to raw: deliveries land as they came, in files or in BigQuery.

`delivery` is what lands; `files` and `bigquery` are where it lands, `sinks` opens the one of a
target. The receiver lands requests of platforms, our own commands `statements`.
"""

from sync.landing.statements import Source, Statement, instant_text, land

__all__ = ["Source", "Statement", "instant_text", "land"]
