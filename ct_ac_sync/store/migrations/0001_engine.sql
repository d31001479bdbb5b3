-- The engine: what was read, whom it concerns, what must be done, and what came of it.
-- Words are those of docs/glossary.md.  Runs on PostgreSQL 15 to 18, without extensions.

-- Time ------------------------------------------------------------------------------

-- All decisions take their time from sync_now(); tests move it by the shift.
CREATE TABLE clock (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    shift    interval NOT NULL DEFAULT '0'
);
INSERT INTO clock DEFAULT VALUES;

CREATE FUNCTION sync_now() RETURNS timestamptz
    LANGUAGE sql STABLE AS
$$ SELECT statement_timestamp() + shift FROM clock $$;

-- Source side -----------------------------------------------------------------------

CREATE TABLE stream (
    source       text NOT NULL,
    stream       text NOT NULL,
    watermark    timestamptz,               -- known complete up to here; null: never read
    cutover      timestamptz,               -- records created before it are historical
    sweep_since  timestamptz,               -- lower end of the sweep under way; null: of all
    sweep_until  timestamptz,               -- its signpost; null: no sweep under way
    sweep_after  text,                      -- last id accepted in it
    sweeps       bigint NOT NULL DEFAULT 0, -- sweeps completed
    swept_at     timestamptz,               -- when the last one was completed
    wide_at      timestamptz,               -- when the last one that reached far back was begun
    epoch        bigint NOT NULL DEFAULT 0,
    lease_until  timestamptz,
    halted       text,                      -- why, if a human has to look
    PRIMARY KEY (source, stream)
);

-- A tick that is a row cannot happen twice, however many beats tick.
CREATE TABLE poll_slot (
    source   text NOT NULL,
    stream   text NOT NULL,
    slot     bigint NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT sync_now(),
    PRIMARY KEY (source, stream, slot)
);

-- One accept at a time decides who is who.
CREATE TABLE identity_gate (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row));
INSERT INTO identity_gate DEFAULT VALUES;

CREATE TABLE person (
    person  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    born_at timestamptz NOT NULL DEFAULT sync_now()
);

CREATE TABLE identifier (
    kind   text NOT NULL CHECK (kind IN ('customer', 'address')),
    source text NOT NULL,                   -- empty for addresses, which all sources share
    value  text NOT NULL,
    person bigint NOT NULL REFERENCES person,
    PRIMARY KEY (kind, source, value)
);
CREATE INDEX identifier_person ON identifier (person);

CREATE TABLE record (
    source           text NOT NULL,
    stream           text NOT NULL,
    id               text NOT NULL,
    version          bigint NOT NULL,
    created_at       timestamptz NOT NULL,
    last_modified_at timestamptz NOT NULL,
    address          text,                  -- e-mail in normal form
    customer_id      text,                  -- of an order: whose it is
    is_historical    boolean NOT NULL,      -- decided at first sight, never again
    body             jsonb NOT NULL,
    person           bigint REFERENCES person,
    first_seen_at    timestamptz NOT NULL DEFAULT sync_now(),
    seen_at          timestamptz NOT NULL DEFAULT sync_now(),
    PRIMARY KEY (source, stream, id)
);
CREATE INDEX record_person ON record (person, stream);
CREATE INDEX record_owner ON record (source, customer_id) WHERE customer_id IS NOT NULL;

-- A record that is known to be gone; a late mention does not bring it back.
CREATE TABLE tombstone (
    source  text NOT NULL,
    stream  text NOT NULL,
    id      text NOT NULL,
    gone_at timestamptz NOT NULL DEFAULT sync_now(),
    PRIMARY KEY (source, stream, id)
);

-- Records whose person changes while the old one is being written to; see settle_moves.
CREATE TABLE pending_move (
    source text NOT NULL,
    stream text NOT NULL,
    id     text NOT NULL,
    since  timestamptz NOT NULL DEFAULT sync_now(),
    PRIMARY KEY (source, stream, id)
);

-- Destination side ------------------------------------------------------------------

CREATE TABLE destination (
    destination text PRIMARY KEY,
    halted      text,                       -- why, if a human has to act first
    halted_at   timestamptz,
    refusals    int NOT NULL DEFAULT 0,     -- 403s in a row
    layout      jsonb,                      -- ids of fields and connection, once ensured
    layout_until timestamptz                -- one holder ensures it at a time
);

CREATE TABLE budget (
    destination   text NOT NULL REFERENCES destination,
    bucket        text NOT NULL,            -- 'calls', 'imports'
    base_interval interval NOT NULL,
    pace          interval NOT NULL,        -- base_interval, stretched after a 429
    next_slot     timestamptz NOT NULL DEFAULT '-infinity',
    sent_at       timestamptz NOT NULL DEFAULT '-infinity', -- when the last call left, or shall leave
    blocked_until timestamptz NOT NULL DEFAULT '-infinity',
    failures      int NOT NULL DEFAULT 0,   -- transport and server failures in a row
    trips         int NOT NULL DEFAULT 0,   -- how often the breaker opened in a row
    throttled_at  timestamptz,
    PRIMARY KEY (destination, bucket)
);

CREATE SEQUENCE lease_token;
CREATE SEQUENCE wanted_sequence;

-- Something accepted there and not yet known to be applied.
CREATE TABLE awaiting (
    awaiting    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    destination text NOT NULL REFERENCES destination,
    attempt     bigint NOT NULL UNIQUE,
    remote      text,                       -- their id; null when its answer was lost
    accepted_at timestamptz NOT NULL DEFAULT sync_now(),
    check_at    timestamptz NOT NULL,
    deadline    timestamptz NOT NULL,
    overdue     bigint[]                    -- entries that went on without it, to be repaired at its end
);

CREATE TABLE recipient (
    recipient   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    destination text NOT NULL REFERENCES destination,
    person      bigint NOT NULL REFERENCES person,
    address     text,                       -- the address last proven there
    contact     text,                       -- contact id, once known: the link between both sides
    lane        smallint NOT NULL DEFAULT 3,-- of its most urgent open entry
    due_at      timestamptz,                -- earliest next_at of its open entries
    lease_token bigint,
    lease_until timestamptz,
    lease_entry bigint,                     -- what it was claimed for
    lease_size  int,                        -- how many were claimed together
    rung_until  timestamptz,
    awaiting    bigint REFERENCES awaiting,
    UNIQUE (destination, person)
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX recipient_contact ON recipient (destination, contact);
CREATE INDEX recipient_address ON recipient (destination, address) WHERE contact IS NULL;
CREATE INDEX recipient_due ON recipient (destination, lane, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX recipient_rung ON recipient (destination, rung_until) WHERE rung_until IS NOT NULL;
CREATE INDEX recipient_awaiting ON recipient (awaiting) WHERE awaiting IS NOT NULL;

-- Who holds an address there, or is being given it by a call that is not settled.
CREATE TABLE held_address (
    destination text NOT NULL REFERENCES destination,
    address     text NOT NULL,
    recipient   bigint NOT NULL REFERENCES recipient,
    is_sent     boolean NOT NULL DEFAULT false, -- a call that gives it was intended
    PRIMARY KEY (destination, address)
);
CREATE INDEX held_address_recipient ON held_address (recipient);

CREATE TABLE entry (
    entry       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recipient   bigint NOT NULL REFERENCES recipient,
    operation   text NOT NULL
                CHECK (operation IN ('upsert_contact', 'set_consent', 'sync_tags', 'upsert_order',
                                     'rename_customer', 'fact')),
    object      text NOT NULL,              -- '' for the profile, else the record's id or a business key
    rank        smallint NOT NULL,          -- contact 1, consent 2, order 3, fact 4
    source      text NOT NULL DEFAULT '',
    state       text NOT NULL DEFAULT 'open'
                CHECK (state IN ('open', 'done', 'dead', 'waiting')),
    wanted      bigint NOT NULL,
    sent        bigint NOT NULL DEFAULT 0,
    applied     bigint NOT NULL DEFAULT 0,
    lane        smallint NOT NULL,
    next_at     timestamptz,
    attempts    int NOT NULL DEFAULT 0,
    crashes     int NOT NULL DEFAULT 0,
    batch_limit int,
    fires       boolean NOT NULL DEFAULT false, -- its next call may start automations
    repair_at   timestamptz,                -- to be sent then, even if it seems unchanged
    fingerprint text,                       -- of what the destination is known to hold
    unclear     bigint,                     -- the attempt whose end must be read back
    readbacks   smallint NOT NULL DEFAULT 0,
    waits_for   bigint REFERENCES entry,
    detail      text,                       -- what a one-off entry needs besides its object
    config      text NOT NULL DEFAULT '',
    UNIQUE (recipient, operation, object),
    CHECK ((state = 'open') = (next_at IS NOT NULL)),
    CHECK ((state = 'waiting') = (waits_for IS NOT NULL))
) WITH (fillfactor = 70);
CREATE INDEX entry_waits ON entry (waits_for) WHERE waits_for IS NOT NULL;

-- Intents without an end: what a call now under way, or a dead worker, may be doing.
CREATE TABLE intent (
    attempt     bigint NOT NULL,
    entry       bigint NOT NULL REFERENCES entry ON DELETE CASCADE,
    recipient   bigint NOT NULL REFERENCES recipient,
    token       bigint NOT NULL,
    kind        text NOT NULL,
    position    int NOT NULL,
    wanted      bigint NOT NULL,
    fingerprint text NOT NULL,
    carried     bigint NOT NULL,            -- sequence of the profile the call carried
    version     bigint NOT NULL,            -- of the newest record it was mapped from
    address     text,                       -- the address it gives to its recipient
    fires       text,                       -- business key of the trigger it may start
    made_at     timestamptz NOT NULL DEFAULT sync_now(),
    PRIMARY KEY (attempt, entry)
);
CREATE INDEX intent_recipient ON intent (recipient);
CREATE INDEX intent_entry ON intent (entry);

-- Kept for ever: what may happen once.
CREATE TABLE trigger_ledger (
    destination  text NOT NULL REFERENCES destination,
    kind         text NOT NULL,
    business_key text NOT NULL,
    state        text NOT NULL
                 CHECK (state IN ('intended', 'happened', 'historical', 'superseded',
                                  'parked', 'did_not')),
    attempt      bigint,
    entry        bigint,
    noted_at     timestamptz NOT NULL DEFAULT sync_now(),
    settled_at   timestamptz,
    actor        text,
    reason       text,
    PRIMARY KEY (destination, kind, business_key)
);
CREATE INDEX trigger_parked ON trigger_ledger (noted_at) WHERE state = 'parked';

-- Contact ids that imports named; whose they are is read when there is time.
CREATE TABLE unlinked_contact (
    destination text NOT NULL REFERENCES destination,
    contact     text NOT NULL,
    take_at     timestamptz NOT NULL DEFAULT sync_now() + interval '1 minute', -- so that pages fill
    PRIMARY KEY (destination, contact)
);

CREATE TABLE dead_letter (
    dead_letter bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    destination text,
    entry       bigint,
    source      text NOT NULL DEFAULT '',
    stream      text,
    object      text NOT NULL,
    version     bigint NOT NULL DEFAULT 0,
    operation   text NOT NULL,
    lane        smallint NOT NULL,
    cause       text NOT NULL,
    message     text NOT NULL,
    request     jsonb,
    answer      text,
    attempts    int NOT NULL DEFAULT 0,
    config      text NOT NULL DEFAULT '',
    state       text NOT NULL DEFAULT 'open'
                CHECK (state IN ('open', 'replayed', 'superseded', 'discarded')),
    died_at     timestamptz NOT NULL DEFAULT sync_now(),
    resolved_at timestamptz,
    actor       text,
    reason      text
);
CREATE UNIQUE INDEX dead_letter_entry ON dead_letter (entry) WHERE state = 'open' AND entry IS NOT NULL;
CREATE UNIQUE INDEX dead_letter_record ON dead_letter (source, stream, object)
    WHERE state = 'open' AND entry IS NULL;
CREATE INDEX dead_letter_open ON dead_letter (cause, died_at) WHERE state = 'open';

-- Ledger ----------------------------------------------------------------------------

CREATE SEQUENCE attempt_sequence;

-- Every request that may change something there, exactly as it was sent.
CREATE TABLE attempt (
    attempt     bigint NOT NULL,
    at          timestamptz NOT NULL DEFAULT sync_now(),
    destination text NOT NULL,
    token       bigint NOT NULL,
    kind        text NOT NULL,
    request     jsonb NOT NULL,
    members     int NOT NULL
) PARTITION BY RANGE (at);
CREATE INDEX attempt_number ON attempt (attempt);

-- What came of each entry, each time.  Appended, never changed.
CREATE TABLE outcome (
    at          timestamptz NOT NULL DEFAULT sync_now(),
    destination text NOT NULL,
    recipient   bigint,
    entry       bigint,
    operation   text NOT NULL,
    source      text NOT NULL DEFAULT '',
    object      text NOT NULL,
    version     bigint NOT NULL DEFAULT 0,
    wanted      bigint NOT NULL DEFAULT 0,
    attempt     bigint,
    outcome     text NOT NULL,
    reason      text NOT NULL DEFAULT '',
    answer      text,
    config      text NOT NULL DEFAULT ''
) PARTITION BY RANGE (at);
CREATE INDEX outcome_recipient ON outcome (recipient, at);
CREATE INDEX outcome_at ON outcome USING brin (at) WITH (pages_per_range = 32, autosummarize = on);

-- Which sweep saw which version, and when.
CREATE TABLE sighting (
    at      timestamptz NOT NULL DEFAULT sync_now(),
    source  text NOT NULL,
    stream  text NOT NULL,
    id      text NOT NULL,
    version bigint NOT NULL,
    epoch   bigint NOT NULL
) PARTITION BY RANGE (at);
CREATE INDEX sighting_record ON sighting (source, stream, id);

-- Makes the month of *day* in each of the partitioned tables, if it is not there.
CREATE FUNCTION make_month(day date) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    parent text;
    child  text;
    first  date := date_trunc('month', day);
BEGIN
    FOREACH parent IN ARRAY ARRAY['attempt', 'outcome', 'sighting'] LOOP
        child := parent || to_char(first, '_YYYY_MM');
        CONTINUE WHEN to_regclass(child) IS NOT NULL;
        PERFORM pg_advisory_xact_lock(7232002);
        EXECUTE format(
            'CREATE TABLE IF NOT EXISTS %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
            child, parent,
            first::timestamp AT TIME ZONE 'UTC',
            (first + interval '1 month')::timestamp AT TIME ZONE 'UTC');
    END LOOP;
END
$$;
SELECT make_month((now() + n * interval '1 month')::date) FROM generate_series(-1, 3) AS n;

-- Rules that statements share -------------------------------------------------------

-- An order goes out only behind its contact: true while the profile is still owed.
-- A profile that is merely to be repaired is not owed.
CREATE FUNCTION is_blocked(whose bigint, by_rank smallint) RETURNS boolean
    LANGUAGE sql STABLE AS
$$
    SELECT by_rank > 1 AND EXISTS (
        SELECT FROM entry
         WHERE recipient = whose AND operation = 'upsert_contact'
           AND (state = 'dead' OR (state = 'open' AND wanted > applied)))
$$;

-- A record of this person is about to become another's: until it has, nothing new is sent.
CREATE FUNCTION is_moving(whom bigint) RETURNS boolean
    LANGUAGE sql STABLE AS
$$
    SELECT EXISTS (
        SELECT FROM pending_move m JOIN record k USING (source, stream, id) WHERE k.person = whom)
$$;

-- Recomputes when a recipient is due, and how urgent it is, from its entries.
CREATE FUNCTION refresh_recipients(whose bigint[]) RETURNS void
    LANGUAGE sql AS
$$
    SELECT FROM recipient WHERE recipient = ANY (whose) ORDER BY recipient FOR UPDATE;
    -- What stands behind a dead contact waits for it ...
    UPDATE entry AS behind
       SET state = 'waiting', next_at = NULL, waits_for = profile.entry
      FROM entry AS profile
     WHERE profile.recipient = ANY (whose) AND profile.operation = 'upsert_contact'
       AND profile.state = 'dead'
       AND behind.recipient = profile.recipient AND behind.rank > 1 AND behind.state = 'open';
    -- ... and is freed when the contact is.
    UPDATE entry AS behind
       SET state = 'open', next_at = sync_now(), waits_for = NULL
      FROM entry AS profile
     WHERE behind.recipient = ANY (whose) AND behind.state = 'waiting'
       AND profile.entry = behind.waits_for AND profile.state <> 'dead';
    -- An owed profile takes the urgency of what stands behind it, and sets its time; only
    -- reading back what is unclear waits for nothing.
    WITH open AS (
        SELECT e.recipient, min(e.lane) AS lane,
               min(e.next_at) FILTER (WHERE e.rank = 1 OR e.unclear IS NOT NULL) AS first_at,
               min(e.next_at) AS next_at,
               bool_or(e.operation = 'upsert_contact' AND e.wanted > e.applied) AS is_owed
          FROM entry e WHERE e.recipient = ANY (whose) AND e.state = 'open' GROUP BY 1
    )
    UPDATE recipient r
       SET lane   = coalesce(o.lane, 3),
           due_at = CASE WHEN o.recipient IS NOT NULL AND is_moving(r.person)
                         THEN greatest(o.next_at, sync_now() + interval '1 second')
                         WHEN o.is_owed THEN o.first_at
                         ELSE o.next_at END
      FROM unnest(whose) AS w (recipient)
      LEFT JOIN open o ON o.recipient = w.recipient
     WHERE r.recipient = w.recipient;
$$;

-- An entry as a claim sees it: what must be done, for whom, and what is known of it.
CREATE VIEW claimable AS
SELECT e.entry, e.recipient, r.person, e.operation, e.source, e.object, e.wanted, e.applied,
       e.attempts, e.batch_limit, e.fingerprint, e.unclear, e.readbacks, e.detail,
       least(e.lane, r.lane) AS lane,      -- a predecessor goes in the lane of what stands behind it
       r.address, r.contact,
       coalesce(p.wanted, 0) AS profile,
       e.fires AND e.unclear IS NULL AS fires,
       coalesce(e.repair_at <= sync_now(), false) AS is_repair,
       ARRAY(SELECT h.address FROM held_address h
              WHERE h.recipient = e.recipient AND (h.is_sent OR h.address = r.address)
              ORDER BY h.address) AS held,
       EXISTS (SELECT FROM entry u
                WHERE u.recipient = e.recipient AND u.unclear IS NOT NULL) AS has_unclear
  FROM entry e
  JOIN recipient r USING (recipient)
  LEFT JOIN entry p ON p.recipient = e.recipient AND p.operation = 'upsert_contact';
