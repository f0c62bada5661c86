"""A local stand-in for the platforms: a real HTTP server with their lists, limits and faults."""
