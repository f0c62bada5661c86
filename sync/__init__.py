"""contact-sync: makes every sending platform obey what the warehouse knows."""
