"""`make bench`: the speed goals, each measured against its baseline in one run."""
