-- Deletions: what is gone at the source, how that became certain, and what must not come back.
-- Only expands: the release before runs on this schema as it did on its own.

ALTER TABLE record ADD COLUMN gone_at timestamptz;      -- in source time; null: it is there

-- A customer that was confirmed to be gone keeps its address as a digest: it tells a later
-- purchase under that address from an earlier one, and outlives the record.
ALTER TABLE tombstone ADD COLUMN is_confirmed boolean NOT NULL DEFAULT false;
ALTER TABLE tombstone ADD COLUMN address text;
ALTER TABLE tombstone ADD COLUMN settled_at timestamptz;    -- when it was decided what follows

-- Records that may be gone: a message says so, or a sweep of ids missed them.
CREATE TABLE gone_candidate (
    source    text NOT NULL,
    stream    text NOT NULL,
    id        text NOT NULL,
    because   text NOT NULL CHECK (because IN ('message', 'sweep')),
    gone_at   timestamptz NOT NULL,         -- by the message, in source time; else when it was missed
    noted_at  timestamptz NOT NULL DEFAULT sync_now(),
    missed_at timestamptz,                  -- when it was first asked for by its id, in vain
    check_at  timestamptz NOT NULL DEFAULT sync_now(),
    PRIMARY KEY (source, stream, id)
);
CREATE INDEX gone_candidate_due ON gone_candidate (source, check_at);

-- The ids that the sweep under way has seen.  Its place is kept as that of any sweep, in a row of
-- the streams that is called 'customers by id' or 'orders by id'.
CREATE TABLE listed_id (
    source text NOT NULL,
    stream text NOT NULL,
    id     text NOT NULL,
    PRIMARY KEY (source, stream, id)
);

-- Without salt: whoever has an address can tell whether it is among these, as with a salt that
-- stands beside them; but no list of addresses can be read out of it.
CREATE FUNCTION digest_of(address text) RETURNS text
    LANGUAGE sql STABLE AS
$$ SELECT encode(sha256(convert_to(address, 'UTF8')), 'hex') $$;

-- Whether a record speaks for nobody any more: it is gone, or belongs to a customer who is, or a
-- guest bought under the address of one before that one went.
CREATE FUNCTION is_over(
    project text, kind text, customer text, mail text, made_at timestamptz, went_at timestamptz
) RETURNS boolean
    LANGUAGE sql STABLE AS
$$
    SELECT went_at IS NOT NULL OR (kind IN ('orders', 'carts') AND CASE
        WHEN customer IS NOT NULL THEN EXISTS (
            SELECT FROM tombstone
             WHERE source = project AND stream = 'customers' AND id = customer AND is_confirmed)
        ELSE EXISTS (
            SELECT FROM tombstone
             WHERE tombstone.address = digest_of(mail) AND gone_at >= made_at AND is_confirmed)
        END)
$$;

-- Whether anybody is left of a person at a destination: a contact that is shared is kept.
CREATE FUNCTION has_living(whom bigint, place text) RETURNS boolean
    LANGUAGE sql STABLE AS
$$
    SELECT EXISTS (
        SELECT FROM record r
         WHERE r.person = whom AND r.stream IN ('customers', 'orders', 'carts')
           AND goes_to(r.destinations, NULL, place)
           AND NOT is_over(r.source, r.stream, r.customer_id, r.address, r.created_at, r.gone_at))
$$;

-- Whether an entry takes leave of a contact.
CREATE FUNCTION is_farewell(operation text, object text) RETURNS boolean
    LANGUAGE sql IMMUTABLE AS
$$
    SELECT operation = 'fact' AND split_part(object, '/', 1)
           IN ('customer_deleted.unsubscribe', 'customer_deleted.delete_contact')
$$;
