"""ActiveCampaign over HTTP: contacts, imports, fields, orders by GraphQL, events, automations and carts."""
