"""ActiveCampaign over HTTP: contacts, imports, fields, and orders by GraphQL."""
