-- The whole mapping: where each record goes, and what is known of what records refer to.
-- Only expands: the release before runs on this schema as it did on its own.

-- Where a record goes, by the routes that held when it was accepted; null: wherever it went
-- before there were routes.
ALTER TABLE record ADD COLUMN destinations text[];

CREATE FUNCTION went_to(whom bigint) RETURNS text[]
    LANGUAGE sql STABLE AS
$$ SELECT coalesce(array_agg(destination ORDER BY destination), '{}') FROM recipient WHERE person = whom $$;

-- Whether a record goes to a place; *instead* says where it would go by now, where it would move.
CREATE FUNCTION goes_to(destinations text[], instead jsonb, place text) RETURNS boolean
    LANGUAGE sql IMMUTABLE AS
$$ SELECT coalesce(instead ? place, place = ANY (destinations), true) $$;

-- What of a layout the release before could not read: connections by name, and what it was made for.
ALTER TABLE destination ADD COLUMN layout_more jsonb;

-- Tags ---------------------------------------------------------------------------------

-- Ids of tags, which are made once and for all contacts.
CREATE TABLE tag (
    destination text NOT NULL REFERENCES destination,
    name        text NOT NULL,              -- without case
    id          text NOT NULL,
    PRIMARY KEY (destination, name)
);

-- What tags a contact is believed to have.  An import adds tags without saying how it calls
-- them: such a tag has no link, and is looked up before it is removed.
CREATE TABLE recipient_tag (
    recipient bigint NOT NULL REFERENCES recipient ON DELETE CASCADE,
    name      text NOT NULL,
    link      text,
    attempt   bigint,                       -- of the import that carried it, and may yet fail
    PRIMARY KEY (recipient, name)
);

ALTER TABLE recipient ADD COLUMN tags_at timestamptz;   -- when its tags were last read there

-- Another contact, other tags: what was believed of the former is forgotten, and wanted anew.
CREATE FUNCTION forget_tags() RETURNS trigger
    LANGUAGE plpgsql AS
$$
BEGIN
    DELETE FROM recipient_tag WHERE recipient = NEW.recipient;
    UPDATE entry SET fingerprint = NULL,
                     state   = CASE state WHEN 'done' THEN 'open' ELSE state END,
                     next_at = CASE state WHEN 'done' THEN sync_now() ELSE next_at END
     WHERE recipient = NEW.recipient AND operation = 'sync_tags';
    NEW.tags_at := NULL;
    RETURN NEW;
END
$$;
CREATE TRIGGER recipient_forgets_tags BEFORE UPDATE OF contact ON recipient
    FOR EACH ROW WHEN (OLD.contact IS NOT NULL AND NEW.contact IS DISTINCT FROM OLD.contact)
    EXECUTE FUNCTION forget_tags();

-- A cache of the source: may be emptied at any time, and is filled again by asking.
CREATE TABLE reference (
    source     text NOT NULL,
    kind       text NOT NULL,               -- its typeId, such as 'category'
    id         text NOT NULL,               -- or its key, where records refer by key, as to stores
    version    bigint,                      -- the greatest seen; NULL where none ever was
    body       jsonb,                       -- NULL where the source has it no more
    fetched_at timestamptz NOT NULL,
    PRIMARY KEY (source, kind, id)
);
CREATE INDEX reference_fetched ON reference (fetched_at);
