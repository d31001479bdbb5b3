"""Keeps ActiveCampaign in step with Commercetools."""

__version__ = "0.1.0"
