"""The platforms' own lists: read, taken over as events (adopt), compared with ours (reconcile)."""
