"""The use cases; one verb, one file."""
