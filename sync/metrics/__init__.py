"""What is measured (measures), who is told it (otlp), and what is read of the warehouse (state)."""
