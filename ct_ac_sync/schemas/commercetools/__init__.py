"""Commercetools' resources as they come over the wire."""
