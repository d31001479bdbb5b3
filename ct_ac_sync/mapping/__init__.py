"""Commercetools' values become ActiveCampaign's; pure and total."""
