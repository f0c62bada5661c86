"""What is told of the state, and nothing changed: explain, evidence, scrub, status."""
