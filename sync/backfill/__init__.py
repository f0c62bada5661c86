"""Exports of platforms and of the production directory, landed: `contact-sync backfill`.

headers.csv and words.csv say what columns and words mean, consent.csv which unknown headers must
not be passed over; lines.py numbers the records of a file,
reading.py has DuckDB read them; command.py lands what the rows say. The models judge it.
"""
