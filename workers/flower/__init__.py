"""Our pages inside Flower, the address it listens on, and who may decide there."""
