"""Exports of platforms and of the production directory, merged and landed: `contact-sync backfill`.

headers.csv and words.csv say what columns and words mean; reading.py puts files into a local
DuckDB file; merging.sql decides; command.py lands what merging.sql made.
"""
