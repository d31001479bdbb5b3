-- Operating it: tallies that only grow, and what is done once a day whoever does it.
-- Only expands: the release before runs on this schema as it did on its own.

-- A tally is a count kept for ever.  What is to be counted is first appended as a mark and
-- added up at the next tick of dispatch: nobody who writes an outcome waits for another's
-- row, and none of them can lock the other out.
CREATE TABLE tally (
    party  text NOT NULL,                   -- the source or destination it is about
    name   text NOT NULL,                   -- 'outcomes', 'attempts', 'members', 'calls', 'source_calls'
    labels text[] NOT NULL,                 -- which of them, in the order of the metric's labels
    value  bigint NOT NULL,
    PRIMARY KEY (party, name, labels)
) WITH (fillfactor = 70);

CREATE TABLE tally_mark (
    party  text NOT NULL,
    name   text NOT NULL,
    labels text[] NOT NULL,
    value  bigint NOT NULL
);

-- The ledger counts itself, so that a count commits with what it counts, whoever wrote it.
CREATE FUNCTION mark_outcomes() RETURNS trigger
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO tally_mark (party, name, labels, value)
    SELECT destination, 'outcomes', ARRAY[operation, outcome], count(*)
      FROM fresh GROUP BY destination, operation, outcome;
    RETURN NULL;
END
$$;
CREATE TRIGGER outcome_marks AFTER INSERT ON outcome
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION mark_outcomes();

CREATE FUNCTION mark_attempts() RETURNS trigger
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO tally_mark (party, name, labels, value)
    SELECT f.destination, n.name, ARRAY[f.kind], sum(n.value)
      FROM fresh f, LATERAL (VALUES ('attempts', 1), ('members', f.members)) AS n (name, value)
     GROUP BY f.destination, n.name, f.kind;
    RETURN NULL;
END
$$;
CREATE TRIGGER attempt_marks AFTER INSERT ON attempt
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION mark_attempts();

-- What is done now and then by whoever comes first: the row decides.
CREATE TABLE upkeep (
    task    text PRIMARY KEY,               -- 'dispatch', 'retention'
    next_at timestamptz NOT NULL,           -- nobody does it before
    done_at timestamptz,                    -- when it was last done to its end
    did     text NOT NULL DEFAULT ''        -- what that came to
);
