-- Consent: what records said and when, who stands where with lists, and why.
-- Only expands: the release before runs on this schema as it did on its own.

-- What records said.  Appended, never changed: the last of a place is what it says.
CREATE TABLE consent_evidence (
    evidence    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source      text NOT NULL,
    stream      text NOT NULL,
    id          text NOT NULL,
    version     bigint NOT NULL,
    channel     text NOT NULL,
    place       text NOT NULL,              -- what says it, and what its words mean
    says        text NOT NULL CHECK (says IN ('yes', 'no', 'pending')),
    since       timestamptz,                -- said between this moment
    at          timestamptz,                -- and this one, in source time
    is_stated   boolean NOT NULL,           -- the record itself states the time
    is_explicit boolean NOT NULL,           -- not a value that came with another type of fields
    is_past     boolean NOT NULL,           -- found in a record of the past
    may_revive  boolean NOT NULL,
    details     jsonb NOT NULL,             -- text, page and whatever else the shop keeps of it
    noticed_at  timestamptz NOT NULL DEFAULT sync_now(),
    config      text NOT NULL
);
CREATE INDEX consent_evidence_place ON consent_evidence (source, stream, id, channel, place, evidence DESC);

-- Where a contact stands with lists, as it was seen or written last.
CREATE TABLE membership (
    recipient    bigint NOT NULL REFERENCES recipient,
    list         text NOT NULL,             -- its id there
    contact      text NOT NULL,
    standing     text NOT NULL
                 CHECK (standing IN ('none', 'unconfirmed', 'active', 'unsubscribed', 'bounced')),
    joined_at    timestamptz,               -- by the destination's stamps
    left_at      timestamptz,
    ended_for    timestamptz,               -- of one that we ended: until when that no was said
    begun_for    timestamptz,               -- of one that we began: until when that yes was said
    intended     text,                      -- what our last call was to make of it
    intended_for timestamptz,
    intended_on  bigint,                    -- the evidence it was made for
    intended_by  bigint,                    -- the attempt
    intended_at  timestamptz,               -- by the wall clock, as the destination's stamps are
    written_at   timestamptz,
    revived_over timestamptz,               -- of a revival: when they had left, until it is looked at
    PRIMARY KEY (recipient, list)
);

-- Addresses that an account excludes from what is sent, as they were read last.
CREATE TABLE exclusion (
    destination text NOT NULL REFERENCES destination,
    phrase      text NOT NULL,              -- compared with an address, in lower case
    match       text NOT NULL,              -- exact, end, or a word of the account's own
    channel     text NOT NULL,
    lists       text[] NOT NULL
);
CREATE INDEX exclusion_destination ON exclusion (destination);

-- Whether an exclusion means an address; one that matches in a way nobody documented does wherever it may.
CREATE FUNCTION is_meant(address text, phrase text, match text) RETURNS boolean
    LANGUAGE sql IMMUTABLE AS
$$
    SELECT CASE match WHEN 'exact' THEN address = phrase
                      WHEN 'end' THEN right(address, length(phrase)) = phrase
                      ELSE position(phrase IN address) > 0 END
$$;

-- What was decided, written and seen.  Appended, never changed.
CREATE TABLE consent_ledger (
    number      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT sync_now(),
    destination text NOT NULL,
    recipient   bigint NOT NULL REFERENCES recipient,
    channel     text NOT NULL,
    list        text NOT NULL,              -- its name
    what        text NOT NULL CHECK (what IN ('verdict', 'written', 'seen')),
    standing    text,                       -- there, when it was decided, or since then
    action      text,
    reason      text NOT NULL DEFAULT '',
    evidence    bigint,                     -- what it was decided on
    attempt     bigint,                     -- the call that wrote it
    config      text NOT NULL DEFAULT ''
);
CREATE INDEX consent_ledger_recipient ON consent_ledger (recipient, number);
CREATE INDEX consent_ledger_at ON consent_ledger (at);

-- Whether any record of a person said something of any channel.
CREATE FUNCTION has_evidence(whom bigint) RETURNS boolean
    LANGUAGE sql STABLE AS
$$
    SELECT EXISTS (SELECT FROM record r JOIN consent_evidence c USING (source, stream, id)
                    WHERE r.person = whom)
$$;

-- An order goes out only behind its contact: true while the profile is still owed.
-- A profile that is merely to be repaired is not owed.  Of a contact that is known, what
-- it consents to waits for nothing: a no must not stand behind a name that is refused.
CREATE OR REPLACE FUNCTION is_blocked(whose bigint, by_rank smallint) RETURNS boolean
    LANGUAGE sql STABLE AS
$$
    SELECT by_rank > 1
       AND NOT (by_rank = 2 AND EXISTS (SELECT FROM recipient WHERE recipient = whose AND contact IS NOT NULL))
       AND EXISTS (
        SELECT FROM entry
         WHERE recipient = whose AND operation = 'upsert_contact'
           AND (state = 'dead' OR (state = 'open' AND wanted > applied)))
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
       AND behind.recipient = profile.recipient AND behind.state = 'open'
       AND is_blocked(behind.recipient, behind.rank);
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
    -- ... and is freed when that is, or it need not wait for it any more.
    UPDATE entry AS behind
       SET state = 'open', next_at = sync_now(), waits_for = NULL
      FROM entry AS profile
     WHERE behind.recipient = ANY (whose) AND behind.state = 'waiting'
       AND profile.entry = behind.waits_for
       AND (profile.state <> 'dead' OR (behind.rank = 2 AND NOT is_blocked(behind.recipient, behind.rank)));
    -- An owed profile takes the urgency of what stands behind it, and sets its time; only
    -- reading back what is unclear waits for nothing, and the consent of a contact that is
    -- known.  A fact that lets others go first is due when they are done.
    WITH first AS (
        SELECT w.recipient, first_fact(w.recipient) AS wanted FROM unnest(whose) AS w (recipient)
    ), open AS (
        SELECT e.recipient, min(e.lane) AS lane,
               min(e.next_at) FILTER (WHERE e.rank = 1 OR e.unclear IS NOT NULL
                                         OR (e.rank = 2 AND NOT is_blocked(e.recipient, e.rank))) AS first_at,
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
