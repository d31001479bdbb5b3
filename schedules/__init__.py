"""Beat: when things run, and why so often."""
