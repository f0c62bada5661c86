"""`contact-sync run`: receives, builds as soon as something landed, pushes as soon as it is due."""
