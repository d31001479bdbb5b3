"""What ActiveCampaign's documentation leaves open; profiles *a* and *b* are opposites."""

from ct_ac_sync.sandbox.service import Switch

YES_NO = (True, False)

SWITCHES = {
    # Contacts.
    "sync_update_status": Switch(200, 201, "status of contact/sync for a contact that exists", (200, 201)),
    "sync_ignores_unknown_fields": Switch(
        True,
        False,
        "contact/sync passes over unknown field ids; else it refuses them as fieldValues does",
        YES_NO,
    ),
    "unimportable_sync": Switch(
        "taken",
        "refused",
        "what contact/sync does with an address that an import would list in failure",
        ("taken", "refused"),
    ),
    "email_case": Switch("lower", "preserve", "how an address is kept", ("lower", "preserve")),
    "blank_clears": Switch(True, False, "an empty string clears a value", YES_NO),
    "include_side_loads": Switch(True, False, "?include=fieldValues is honoured", YES_NO),
    "ids_by_comma": Switch(
        True, False, "?ids=1,2 is understood, beside the documented ?ids[]=1&ids[]=2", YES_NO
    ),
    "contact_list_seconds": Switch(0, 1.0, "seconds until lists and searches show a new contact"),
    "zero_dates": Switch("null", "zeros", "how a date that never came is shown", ("null", "zeros")),
    "delete_cascades": Switch(False, True, "deleting a contact deletes its e-commerce rows", YES_NO),
    # Custom fields.
    "created_field_answer": Switch(
        "field",
        "fields",
        "the answer to a created field: itself, or the documented list",
        ("field", "fields"),
    ),
    "options_path": Switch(
        "fieldOption",
        "fieldOptions",
        "where options are made: the documented path, or that of a client of the vendor's own",
        ("fieldOption", "fieldOptions"),
    ),
    "unreadable_value": Switch(
        "kept",
        "emptied",
        "what is stored of a date, a date with time or a number that cannot be read",
        ("kept", "emptied"),
    ),
    # Tags.
    "tag_again": Switch(
        "existing", "refused", "the answer to a tag whose name there is", ("existing", "refused")
    ),
    "tag_link_status": Switch(201, 200, "status of a tag that is added to a contact", (200, 201)),
    "tag_link_again": Switch(
        "link", "refused", "the answer to a tag that the contact has", ("link", "refused")
    ),
    "unknown_tag_status": Switch(404, 422, "status of adding a tag that there is not", (404, 422)),
    "contact_tags_paged": Switch(
        True, False, "the tags of one contact come in pages, or all at once", YES_NO
    ),
    # Lists.
    "unlinked_list": Switch(
        "seen", "hidden", "whether lists show one that no group of users was linked to", ("seen", "hidden")
    ),
    "membership_moves_udate": Switch(
        False, True, "a change of a membership moves the time at which its contact was updated", YES_NO
    ),
    "membership_again": Switch(
        "kept",
        "dated",
        "what becomes of the dates of a membership that is given the status it has: kept, or those of now",
        ("kept", "dated"),
    ),
    "imported_sdate": Switch(
        "dated", "null", "the sdate of whom an import subscribed: its moment, or none", ("dated", "null")
    ),
    "resubscribed_row": Switch(
        "kept",
        "cleared",
        "whether a membership that is active again still shows when and why it was left",
        ("kept", "cleared"),
    ),
    "resubscribe_without_source": Switch(
        "taken",
        "passed_over",
        "what becomes of a call that brings back who has left without sourceid 4: answered alike",
        ("taken", "passed_over"),
    ),
    "bounce_over_unsubscribed": Switch(
        False, True, "a hard bounce turns memberships into bounced ones that were left before", YES_NO
    ),
    "sms_without_phone": Switch(
        "taken",
        "refused",
        "subscribing who has no phone to an SMS list; an import passes the list over where that is refused",
        ("taken", "refused"),
    ),
    "excluded_membership": Switch(
        "taken",
        "refused",
        "what contactLists does with a subscription that the exclusion list is against",
        ("taken", "refused"),
    ),
    # Webhooks.
    "webhook_subscribe_list": Switch(
        "id",
        "zero",
        "the list that a subscribe names: the one, or 0, which the vendor's page says it often is",
        ("id", "zero"),
    ),
    "webhook_added_subscribes": Switch(
        False, True, "a new contact fires subscribe with list 0, on no list even", YES_NO
    ),
    "webhook_list_keys": Switch(
        "empty",
        "numbered",
        "how a form spells several lists: list[][id] as documented, or list[0][id]",
        ("empty", "numbered"),
    ),
    "webhook_field_keys": Switch(
        "perstag", "id", "what names a custom field in a webhook: both were seen", ("perstag", "id")
    ),
    "webhook_date_time": Switch(
        "offset",
        "bare",
        "a webhook's date_time in the account's zone: with its offset, or without",
        ("offset", "bare"),
    ),
    "webhook_sms_stop": Switch(
        "sms_unsub",
        "both",
        "what a STOP fires: sms_unsub, or unsubscribe of its lists as well",
        ("sms_unsub", "both"),
    ),
    "gone_webhook": Switch(
        "listed",
        "unlisted",
        "whether a webhook that a 410 deactivated is still shown; nothing in its row tells",
        ("listed", "unlisted"),
    ),
    # Events.
    "event_reply": Switch(
        "json",
        "plain",
        "the answer to an event: the documented JSON, or the one digit that was seen",
        ("json", "plain"),
    ),
    "event_unknown_contact": Switch(
        "dropped",
        "created",
        "what becomes of an event of an address that nobody has: taken and dropped, or its contact is created",
        ("dropped", "created", "refused"),
    ),
    "unregistered_event": Switch(
        "dropped",
        "registered",
        "what becomes of an event whose name nobody registered: taken and dropped, or its name is known then",
        ("dropped", "registered"),
    ),
    "long_event_name": Switch(
        "cut", "refused", "what becomes of an event's name over 32 characters", ("cut", "refused")
    ),
    "event_name_again": Switch(
        "taken", "refused", "the answer to a name of events that is registered already", ("taken", "refused")
    ),
    "tracking_log_seconds": Switch(0, 1.0, "seconds until a contact's log shows an event"),
    "tracking_log_order": Switch(
        "oldest", "newest", "which end of a contact's log comes first", ("oldest", "newest")
    ),
    # Automations.
    "unknown_contact_entry": Switch(
        404, 422, "status of a contact nobody has, entering an automation", (404, 422)
    ),
    "removed_run": Switch(
        "ended", "gone", "whether a run that was removed still shows, as ended", ("ended", "gone")
    ),
    # Bulk imports.
    "exclude_automations_position": Switch(
        "contact", "top", "where bulk import reads exclude_automations", ("contact", "top", "both")
    ),
    "import_address_faults": Switch(
        "refused",
        "listed",
        "whether an address against the vendor's rules refuses the import, or is listed in failure",
        ("refused", "listed"),
    ),
    "import_success_key": Switch("Success", "success", "how the answer spells it", ("Success", "success")),
    "import_success_ids": Switch("created", "all", "what import/info lists as success", ("created", "all")),
    "import_order": Switch("fifo", "shuffled", "order in which imports are applied", ("fifo", "shuffled")),
    "import_seconds": Switch(1.0, 2.0, "seconds until an import is applied"),
    "ended_import_tells": Switch(
        True, False, "a failed or interrupted import still lists what it had applied", YES_NO
    ),
    "import_revival": Switch(
        "row",
        "list",
        "what an import passes over that would subscribe somebody who has left: all of the row, or the list",
        ("row", "list"),
    ),
    # E-commerce.
    "order_atomicity": Switch("none", "valid", "what a refused bulkUpsertOrders applies", ("none", "valid")),
    "order_visibility_seconds": Switch(0, 1.0, "seconds until getOrder shows an order"),
    "rest_copy_seconds": Switch(1.5, 3.0, "seconds until the REST copy of an order follows"),
    "realtime_update_refires": Switch(
        False, True, "a REAL_TIME upsert of a known order starts order_created again", YES_NO
    ),
    "duplicate_order_status": Switch(
        422, 400, "status of an order or cart whose id the connection has already", (422, 400)
    ),
    "cart_update_keeps_source": Switch(
        False,
        True,
        "a PUT that names no source keeps source 1, and so starts cart_abandoned again; else it starts nothing",
        YES_NO,
    ),
    # Every door.
    "filters_match": Switch("equals", "contains", "how filters[name]=value compares", ("equals", "contains")),
    "unknown_id_status": Switch(404, 400, "status for an id nobody has, where only 400 is shown", (404, 400)),
    "refusal_status": Switch(403, 401, "status of a bad key", (401, 403)),
    "limit_includes_graphql": Switch(True, False, "REST and GraphQL share one limit", YES_NO),
}
