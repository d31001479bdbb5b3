"""A look-alike of a Commercetools project, and a shop that lives in it."""
