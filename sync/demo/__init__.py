"""The demonstration: `contact-sync demo`, and the generator of landed deliveries behind it."""
