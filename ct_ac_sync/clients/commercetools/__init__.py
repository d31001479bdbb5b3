"""Commercetools over HTTP: tokens, sweeps and single records."""
