"""What ActiveCampaign's documentation leaves open; profiles *a* and *b* are opposites."""

from ct_ac_sync.sandbox.service import Switch

YES_NO = (True, False)

SWITCHES = {
    "sync_update_status": Switch(200, 201, "status of contact/sync for a contact that exists", (200, 201)),
    "exclude_automations_position": Switch(
        "contact", "top", "where bulk import reads exclude_automations", ("contact", "top", "both")
    ),
    "order_atomicity": Switch("none", "valid", "what a refused bulkUpsertOrders applies", ("none", "valid")),
    "order_visibility_seconds": Switch(0, 1.0, "seconds until getOrder shows an order"),
    "realtime_update_refires": Switch(
        False, True, "a REAL_TIME upsert of a known order starts order_created again", YES_NO
    ),
    "import_success_ids": Switch("created", "all", "what import/info lists as success", ("created", "all")),
    "import_order": Switch("fifo", "shuffled", "order in which imports are applied", ("fifo", "shuffled")),
    "import_seconds": Switch(1.0, 2.0, "seconds until an import is applied"),
    "email_case": Switch("lower", "preserve", "how an address is kept", ("lower", "preserve")),
    "blank_clears": Switch(True, False, "an empty string clears a value", YES_NO),
    "refusal_status": Switch(403, 401, "status of a bad key", (401, 403)),
    "limit_includes_graphql": Switch(True, False, "REST and GraphQL share one limit", YES_NO),
    "sync_ignores_unknown_fields": Switch(True, True, "contact/sync passes over unknown field ids", YES_NO),
    "include_side_loads": Switch(True, False, "?include=fieldValues is honoured", YES_NO),
}
