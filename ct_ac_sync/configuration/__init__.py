"""What `sync.toml` says: read, checked whole, and turned into frozen values."""
