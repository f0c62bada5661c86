"""What a change of seeds, vars or models would do, tried beside the real state."""
