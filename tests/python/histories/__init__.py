"""Order-independence of the state, proven against a plain-Python oracle (see oracle.py)."""
