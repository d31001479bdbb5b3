"""A look-alike of an ActiveCampaign account: contacts, fields, tags, lists, imports and e-commerce."""
