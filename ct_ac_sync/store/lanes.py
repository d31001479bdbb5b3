"""How lanes and operations are written down: by their order of urgency."""

from ct_ac_sync.ports import Lane

#: A lane's number in the tables is its place here, most urgent first.
LANES: tuple[Lane, ...] = (Lane.CONSENT, Lane.LIVE, Lane.REPLAY, Lane.BACKFILL)

#: Within a recipient, contact goes before consent, before order, before fact.
RANK_OF = {
    "upsert_contact": 1, "set_consent": 2, "sync_tags": 3, "upsert_order": 3, "rename_customer": 3,
    "fact": 4, "write_back": 2,
}  # fmt: skip
