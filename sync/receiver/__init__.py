"""Takes the platforms' webhooks: verified, landed as they came, and only then answered.

A request meets, in this order: `app` (routes, limits, answers), `sources/` (one file per platform:
its signature and its habits), `lander` (groups that share one write), `sync.landing` (the disk, or
BigQuery).
"""
