"""HTTP adapters: the only place that speaks to the vendors."""
