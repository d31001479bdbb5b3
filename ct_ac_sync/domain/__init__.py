"""Values and decisions; no network, no disk, no clock, no dice."""
