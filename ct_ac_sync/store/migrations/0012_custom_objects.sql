-- Custom objects: what a shop keeps of consent beside customers, orders and carts.
-- Only expands: the release before runs on this schema as it did on its own.

-- The containers that are read, each with its own watermark: one that is asked for later is read
-- from its beginning, and what it holds then is of the past.
CREATE TABLE container (
    source    text NOT NULL,
    container text NOT NULL,
    watermark timestamptz NOT NULL,
    cutover   timestamptz NOT NULL,
    PRIMARY KEY (source, container)
);

-- Whom custom objects name, and what they are called: one that is made again has another id.
CREATE TABLE custom_object (
    source      text NOT NULL,
    id          text NOT NULL,
    container   text NOT NULL,
    key         text NOT NULL,
    customer_id text,
    address     text,
    PRIMARY KEY (source, id)
);
CREATE INDEX custom_object_key ON custom_object (source, container, key);
CREATE INDEX custom_object_customer ON custom_object (source, customer_id) WHERE customer_id IS NOT NULL;
CREATE INDEX custom_object_address ON custom_object (source, address) WHERE address IS NOT NULL;

-- Whether a record speaks for nobody any more: it is gone, or belongs to a customer who is, or was
-- made under the address of one before that one went.
CREATE OR REPLACE FUNCTION is_over(
    project text, kind text, customer text, mail text, made_at timestamptz, went_at timestamptz
) RETURNS boolean
    LANGUAGE sql STABLE AS
$$
    SELECT went_at IS NOT NULL OR (kind <> 'customers' AND CASE
        WHEN customer IS NOT NULL THEN EXISTS (
            SELECT FROM tombstone
             WHERE source = project AND stream = 'customers' AND id = customer AND is_confirmed)
        ELSE EXISTS (
            SELECT FROM tombstone
             WHERE tombstone.address = digest_of(mail) AND gone_at >= made_at AND is_confirmed)
        END)
$$;
