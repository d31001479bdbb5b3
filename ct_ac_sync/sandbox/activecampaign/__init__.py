"""A look-alike of an ActiveCampaign account: contacts, imports, fields and e-commerce."""
