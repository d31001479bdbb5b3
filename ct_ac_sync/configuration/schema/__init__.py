"""
Every table and key of `sync.toml`: what each is for, and what it must look like.

From these definitions come the reading of the file, its JSON Schema and the tables of
`docs/mapping.md`.  What keys of different tables must agree upon stands in
:mod:`ct_ac_sync.configuration.agreements`.
"""
