"""Postgres adapters: what is read, owed, sent and proven.  Only this package speaks SQL."""
