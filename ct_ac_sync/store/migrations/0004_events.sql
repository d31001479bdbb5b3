-- Commerce events: what happened, when it may be told, and what follows of it once.
-- Only expands: the release before runs on this schema as it did on its own.

-- What happened.  A message and a poll that tell the same meet in one row: whoever notices it
-- first writes it, the earliest time that is known stands until it is told.
CREATE TABLE event (
    event         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source        text NOT NULL,
    kind          text NOT NULL,
    key           text NOT NULL,            -- what it is known by among its kind
    stream        text NOT NULL,            -- the record it is about
    id            text NOT NULL,
    happened_at   timestamptz NOT NULL,
    noticed_at    timestamptz NOT NULL DEFAULT sync_now(),
    is_historical boolean NOT NULL,         -- starts nothing
    facts         jsonb NOT NULL,           -- amount, items and the rest of what it says
    told_at       timestamptz,              -- null: held until all before it is known
    UNIQUE (source, kind, key)
);
CREATE INDEX event_held ON event (source, happened_at) WHERE told_at IS NULL;
CREATE INDEX event_record ON event (source, stream, id);
CREATE INDEX event_told ON event (kind, told_at) WHERE told_at IS NOT NULL;

-- Messages that were read, so that each is derived once and a gap in their sequence shows.
CREATE TABLE message (
    source     text NOT NULL,
    id         text NOT NULL,
    resource   text NOT NULL,               -- such as 'order/' and its id
    sequence   bigint,
    type       text NOT NULL,
    created_at timestamptz NOT NULL,
    read_at    timestamptz NOT NULL DEFAULT sync_now(),
    PRIMARY KEY (source, id)
);
CREATE INDEX message_sequence ON message (source, resource, sequence);
CREATE INDEX message_created ON message (created_at);

-- Which orders a payment belongs to: the payment itself does not say.
CREATE TABLE order_payment (
    source   text NOT NULL,
    payment  text NOT NULL,
    order_id text NOT NULL,
    PRIMARY KEY (source, payment, order_id)
);

-- Whoever writes an order, the release before too.
CREATE FUNCTION note_order_payments() RETURNS trigger
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO order_payment (source, payment, order_id)
    SELECT DISTINCT NEW.source, payment #>> '{}', NEW.id
      FROM jsonb_path_query(NEW.body, 'lax $.paymentInfo.payments[*].id') AS payment
     WHERE payment #>> '{}' IS NOT NULL ORDER BY 2
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
CREATE TRIGGER record_payments AFTER INSERT OR UPDATE OF body ON record
    FOR EACH ROW WHEN (NEW.stream = 'orders') EXECUTE FUNCTION note_order_payments();

-- When the sweep under way was begun, and the last completed one, by our own clock: an absence
-- of change counts only as far as this.
ALTER TABLE stream ADD COLUMN begun_at timestamptz;
ALTER TABLE stream ADD COLUMN read_until timestamptz;

-- The event that a fact follows from.
ALTER TABLE entry ADD COLUMN event bigint;

-- Kinds of triggers that start nothing until a human has looked.
CREATE TABLE halted_trigger (
    destination text NOT NULL REFERENCES destination,
    trigger     text NOT NULL,              -- such as 'order_placed.automation'
    reason      text NOT NULL,
    halted_at   timestamptz NOT NULL DEFAULT sync_now(),
    PRIMARY KEY (destination, trigger)
);

-- How many of each kind were told in each hour: what is usual.
CREATE TABLE told_hour (
    kind text NOT NULL,
    hour timestamptz NOT NULL,
    told bigint NOT NULL,
    PRIMARY KEY (kind, hour)
);

-- States that change with time alone: a tag that people have for some days.
CREATE TABLE reminder (
    recipient bigint NOT NULL REFERENCES recipient ON DELETE CASCADE,
    operation text NOT NULL,
    due_at    timestamptz NOT NULL,
    PRIMARY KEY (recipient, operation, due_at)
);
CREATE INDEX reminder_due ON reminder (due_at);

-- What the trigger ledger calls what an entry may start, and knows its object by.
CREATE FUNCTION trigger_of(operation text, object text) RETURNS text
    LANGUAGE sql IMMUTABLE AS
$$ SELECT CASE operation WHEN 'fact' THEN split_part(object, '/', 1) ELSE 'order_placed' END $$;

CREATE FUNCTION business_key_of(operation text, source text, object text) RETURNS text
    LANGUAGE sql IMMUTABLE AS
$$
    SELECT source || '/' || CASE operation WHEN 'fact' THEN substr(object, strpos(object, '/') + 1)
                                           ELSE object END
$$;

-- Until when, in the source's own time, all that happened there is known.  A stream that is
-- halted, or was not read for two minutes, is not waited for.
CREATE FUNCTION known_until(project text, streams text[]) RETURNS timestamptz
    LANGUAGE sql STABLE AS
$$
    SELECT min(watermark) FROM stream
     WHERE source = project AND stream = ANY (streams) AND halted IS NULL
       AND swept_at > sync_now() - interval '2 minutes'
$$;

-- Whether what an entry would start is halted until a human has looked.
CREATE FUNCTION is_halted(whose bigint, operation text, object text) RETURNS boolean
    LANGUAGE sql STABLE AS
$$
    SELECT EXISTS (SELECT FROM halted_trigger h JOIN recipient r USING (destination)
                    WHERE r.recipient = whose AND h.trigger = trigger_of(operation, object))
$$;

-- The place of the first fact of a person that others wait for: of those that are being read
-- back, and of those that are halted, nobody does.
CREATE FUNCTION first_fact(whose bigint) RETURNS bigint
    LANGUAGE sql STABLE AS
$$
    SELECT min(wanted) FROM entry e
     WHERE e.recipient = whose AND e.operation = 'fact' AND e.state = 'open' AND e.unclear IS NULL
       AND NOT is_halted(e.recipient, e.operation, e.object)
$$;

-- Whether a fact has to wait though it is the first: it is halted, its order is owed, or what is
-- being read back happened to the same record, or was an entry like it, which might be taken
-- for its own.
CREATE FUNCTION is_behind(what bigint) RETURNS boolean
    LANGUAGE sql STABLE AS
$$
    SELECT EXISTS (
        SELECT FROM entry f
          JOIN event v ON v.event = f.event
         WHERE f.entry = what AND f.operation = 'fact'
           AND (is_halted(f.recipient, f.operation, f.object)
                OR EXISTS (SELECT FROM entry o
                            WHERE o.recipient = f.recipient AND o.operation = 'upsert_order'
                              AND v.stream = 'orders' AND o.object = v.id AND o.source = v.source
                              AND o.state = 'open' AND o.wanted > o.applied)
                OR EXISTS (SELECT FROM entry b LEFT JOIN event u ON u.event = b.event
                            WHERE b.recipient = f.recipient AND b.operation = 'fact'
                              AND b.state = 'open' AND b.unclear IS NOT NULL AND b.entry <> f.entry
                              AND ((b.wanted < f.wanted
                                    AND (u.source, u.stream, u.id) = (v.source, v.stream, v.id))
                                   OR (trigger_of(b.operation, b.object) LIKE '%.automation'
                                       AND trigger_of(f.operation, f.object) LIKE '%.automation')))))
$$;

CREATE OR REPLACE FUNCTION refresh_recipients(whose bigint[]) RETURNS void
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
    -- ... and so does a fact behind its dead order, or behind a dead fact of the same record ...
    UPDATE entry AS behind
       SET state = 'waiting', next_at = NULL, waits_for = dead.entry
      FROM event v, entry AS dead LEFT JOIN event u ON u.event = dead.event
     WHERE behind.recipient = ANY (whose) AND behind.operation = 'fact' AND behind.state = 'open'
       AND behind.unclear IS NULL AND v.event = behind.event
       AND dead.recipient = behind.recipient AND dead.state = 'dead'
       AND ((dead.operation = 'upsert_order' AND v.stream = 'orders'
             AND dead.source = v.source AND dead.object = v.id)
            OR (dead.operation = 'fact' AND dead.wanted < behind.wanted
                AND (u.source, u.stream, u.id) = (v.source, v.stream, v.id)));
    -- ... and is freed when that is.
    UPDATE entry AS behind
       SET state = 'open', next_at = sync_now(), waits_for = NULL
      FROM entry AS profile
     WHERE behind.recipient = ANY (whose) AND behind.state = 'waiting'
       AND profile.entry = behind.waits_for AND profile.state <> 'dead';
    -- An owed profile takes the urgency of what stands behind it, and sets its time; only
    -- reading back what is unclear waits for nothing.  A fact that lets others go first is
    -- due when they are done.
    WITH first AS (
        SELECT w.recipient, first_fact(w.recipient) AS wanted FROM unnest(whose) AS w (recipient)
    ), open AS (
        SELECT e.recipient, min(e.lane) AS lane,
               min(e.next_at) FILTER (WHERE e.rank = 1 OR e.unclear IS NOT NULL) AS first_at,
               min(e.next_at) FILTER (WHERE e.operation <> 'fact' OR e.unclear IS NOT NULL
                                         OR (e.wanted <= coalesce(f.wanted, e.wanted)
                                             AND NOT is_behind(e.entry))) AS next_at,
               bool_or(e.operation = 'upsert_contact' AND e.wanted > e.applied) AS is_owed
          FROM entry e JOIN first f USING (recipient) WHERE e.state = 'open' GROUP BY 1
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

CREATE OR REPLACE VIEW claimable AS
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
                WHERE u.recipient = e.recipient AND u.unclear IS NOT NULL) AS has_unclear,
       e.event
  FROM entry e
  JOIN recipient r USING (recipient)
  LEFT JOIN entry p ON p.recipient = e.recipient AND p.operation = 'upsert_contact';
