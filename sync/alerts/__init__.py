"""Tells people when what seeds/alert_rules.csv names begins, lasts, and has ended."""
