-- Write-back: leavings that are told to the shop, and what was written there.
-- Only expands: the release before runs on this schema as it did on its own.

-- What was written to customers, or is about to be, by channel: it is no news when it comes back.
CREATE TABLE write_back (
    source      text NOT NULL,
    id          text NOT NULL,              -- of the customer
    channel     text NOT NULL,
    name        text NOT NULL,              -- of the custom field that says it
    fields      jsonb NOT NULL,             -- custom fields and what they become; null: it goes
    attempt     bigint NOT NULL,            -- the call
    intended_at timestamptz NOT NULL DEFAULT sync_now(),
    version     bigint,                     -- of the customer, since when it stands there; null: not proven
    is_noted    boolean NOT NULL DEFAULT false, -- the ledger has it
    PRIMARY KEY (source, id, channel)
);

-- Both only let in more, so that no row needs to be looked at.
ALTER TABLE entry DROP CONSTRAINT entry_operation_check, ADD CONSTRAINT entry_operation_check
    CHECK (operation IN ('upsert_contact', 'set_consent', 'sync_tags', 'upsert_order',
                         'rename_customer', 'fact', 'write_back')) NOT VALID;
ALTER TABLE consent_ledger DROP CONSTRAINT consent_ledger_what_check, ADD CONSTRAINT consent_ledger_what_check
    CHECK (what IN ('verdict', 'written', 'seen', 'written_back')) NOT VALID;
