"""ActiveCampaign's requests and answers on the wire."""
