-- Tallies: counts that only grow; and all that is measured, in one statement.

-- name: mark_calls
INSERT INTO tally_mark (party, name, labels, value)
SELECT n.party, n.name, ARRAY[n.operation, n.status], n.value
  FROM unnest(%(party)s::text[], %(name)s::text[], %(operation)s::text[], %(status)s::text[], %(value)s::bigint[])
       AS n (party, name, operation, status, value);

-- name: try_to_add_up
-- One adds up at a time; the others have nothing to do.
SELECT pg_try_advisory_xact_lock(7232003) AS is_ours;

-- name: add_up
WITH taken AS (
    DELETE FROM tally_mark RETURNING party, name, labels, value
)
INSERT INTO tally AS held (party, name, labels, value)
SELECT party, name, labels, sum(value) FROM taken GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
ON CONFLICT (party, name, labels) DO UPDATE SET value = held.value + excluded.value;

-- name: note_tick
-- Some worker is alive: it dispatches.
INSERT INTO upkeep AS held (task, next_at, done_at) VALUES ('dispatch', sync_now(), sync_now())
ON CONFLICT (task) DO UPDATE SET done_at = excluded.done_at
 WHERE held.done_at IS DISTINCT FROM excluded.done_at;

-- name: limit_time
SELECT set_config('statement_timeout', %(milliseconds)s::text, true);

-- name: read_metrics
-- One row a sample: metric, values of its labels, value.  What grows with the backlog is
-- counted no further than %(enough)s, so that this is cheap exactly when it is looked at most.
WITH lane AS (
    SELECT d.destination, l.name, (l.place - 1)::smallint AS lane
      FROM destination d, unnest(%(lanes)s::text[]) WITH ORDINALITY AS l (name, place)
), urgent AS (
    SELECT d.destination, x.*
      FROM destination d
      CROSS JOIN LATERAL (
          SELECT r.recipient, r.lease_until FROM recipient r
           WHERE r.destination = d.destination AND r.due_at IS NOT NULL
           ORDER BY r.lane, r.due_at LIMIT %(enough)s) AS x
), counted AS (
    SELECT party, name, labels, sum(value)::float AS value
      FROM (SELECT * FROM tally UNION ALL SELECT * FROM tally_mark) AS both_of_them GROUP BY 1, 2, 3
), cause AS (
    -- The most frequent by name, the rest together; an address that a vendor's text holds is cut.
    SELECT cause, sum(letters) AS letters
      FROM (SELECT CASE WHEN row_number() OVER (ORDER BY count(*) DESC, named) < %(causes)s
                        THEN named ELSE 'other' END AS cause, count(*) AS letters
              FROM (SELECT left(regexp_replace(cause, '\S*@\S*', '[address]', 'g'), 120) AS named
                      FROM dead_letter WHERE state = 'open') AS letter
             GROUP BY named
            UNION ALL SELECT 'other', 0) AS causes
     GROUP BY cause
), project AS (
    SELECT DISTINCT source FROM stream
), held AS (
    -- An abandoned cart that is only put off did not happen yet; what was noticed late is held
    -- since then.
    SELECT p.source, x.since
      FROM project p
      CROSS JOIN LATERAL (
          SELECT greatest(e.happened_at, e.noticed_at) AS since FROM event e
           WHERE e.source = p.source AND e.told_at IS NULL AND e.happened_at <= sync_now()
           ORDER BY e.happened_at LIMIT %(enough)s) AS x
), month AS (
    -- How many months after this one each table has a place for.
    SELECT p.relname::text AS ledger,
           count(*) FILTER (WHERE to_regclass(p.relname
               || to_char(sync_now() AT TIME ZONE 'UTC' + n * interval '1 month', '_YYYY_MM')) IS NOT NULL) AS ahead
      FROM pg_partitioned_table t JOIN pg_class p ON p.oid = t.partrelid, generate_series(1, 12) AS n
     WHERE p.relnamespace = current_schema()::regnamespace
     GROUP BY 1
)
-- streams
SELECT 'stream_freshness_seconds' AS metric, ARRAY[source, stream] AS labels,
       extract(epoch FROM sync_now() - watermark)::float AS value
  FROM stream WHERE watermark IS NOT NULL
UNION ALL
SELECT 'stream_sweep_age_seconds', ARRAY[source, stream], extract(epoch FROM sync_now() - swept_at)
  FROM stream WHERE swept_at IS NOT NULL
UNION ALL
SELECT 'stream_sweeps', ARRAY[source, stream], sweeps FROM stream
UNION ALL
SELECT 'stream_halted', ARRAY[source, stream], (halted IS NOT NULL)::int FROM stream
UNION ALL
-- destinations and their budget
SELECT 'destination_halted', ARRAY[destination], (halted IS NOT NULL)::int FROM destination
UNION ALL
SELECT 'layout_drifts', ARRAY[d.destination],
       coalesce((SELECT cardinality(string_to_array(u.did, E'\n')) FROM upkeep u
                  WHERE u.task = 'layout ' || d.destination), 0)
  FROM destination d
UNION ALL
SELECT 'budget_interval_seconds', ARRAY[destination, bucket], extract(epoch FROM pace) FROM budget
UNION ALL
SELECT 'budget_base_interval_seconds', ARRAY[destination, bucket], extract(epoch FROM base_interval) FROM budget
UNION ALL
SELECT 'budget_blocked_seconds', ARRAY[destination, bucket],
       CASE WHEN blocked_until > sync_now() THEN extract(epoch FROM blocked_until - sync_now()) ELSE 0 END
  FROM budget
UNION ALL
SELECT 'budget_failures', ARRAY[destination, bucket], failures FROM budget
UNION ALL
SELECT 'budget_breaker_trips', ARRAY[destination, bucket], trips FROM budget
UNION ALL
-- recipients
SELECT 'recipients_due', ARRAY[l.destination, l.name],
       (SELECT count(*) FROM (
            SELECT FROM recipient r
             WHERE r.destination = l.destination AND r.lane = l.lane AND r.due_at <= sync_now()
               AND r.awaiting IS NULL AND (r.lease_until IS NULL OR r.lease_until <= sync_now())
             LIMIT %(enough)s) AS found)
  FROM lane l
UNION ALL
SELECT 'recipients_due_oldest_seconds', ARRAY[l.destination, l.name],
       coalesce(extract(epoch FROM sync_now() - (
           SELECT r.due_at FROM recipient r
            WHERE r.destination = l.destination AND r.lane = l.lane AND r.due_at <= sync_now()
              AND r.awaiting IS NULL
            ORDER BY r.due_at LIMIT 1)), 0)
  FROM lane l
UNION ALL
SELECT 'recipients_leased', ARRAY[d.destination],
       (SELECT count(*) FROM urgent u WHERE u.destination = d.destination AND u.lease_until > sync_now())
  FROM destination d
UNION ALL
SELECT 'recipients_awaiting', ARRAY[d.destination],
       (SELECT count(*) FROM recipient r JOIN awaiting a USING (awaiting) WHERE a.destination = d.destination)
  FROM destination d
UNION ALL
SELECT 'entries_open', ARRAY[u.destination, e.operation], count(*)
  FROM urgent u JOIN entry e USING (recipient) WHERE e.state = 'open' GROUP BY u.destination, e.operation
UNION ALL
-- what is under way, and what stands still
SELECT 'awaiting_oldest_seconds', ARRAY[d.destination],
       coalesce((SELECT extract(epoch FROM sync_now() - min(a.accepted_at))
                   FROM awaiting a WHERE a.destination = d.destination), 0)
  FROM destination d
UNION ALL
SELECT 'awaiting_overdue', ARRAY[d.destination],
       (SELECT count(*) FROM awaiting a WHERE a.destination = d.destination AND a.deadline <= sync_now())
  FROM destination d
UNION ALL
SELECT 'intents_stale', ARRAY[d.destination],
       (SELECT count(*) FROM intent i JOIN recipient r USING (recipient)
         WHERE r.destination = d.destination AND i.made_at <= sync_now() - %(lease)s
           AND NOT EXISTS (SELECT FROM awaiting a WHERE a.attempt = i.attempt))
  FROM destination d
UNION ALL
SELECT 'pending_moves', '{}', count(*) FROM pending_move
UNION ALL
SELECT 'pending_moves_oldest_seconds', '{}', coalesce(extract(epoch FROM sync_now() - min(since)), 0)
  FROM pending_move
UNION ALL
-- what a human has to look at
SELECT 'dead_letters', ARRAY[cause], letters FROM cause
UNION ALL
SELECT 'dead_letters_oldest_seconds', '{}', coalesce(extract(epoch FROM sync_now() - min(died_at)), 0)
  FROM dead_letter WHERE state = 'open'
UNION ALL
SELECT 'parked', ARRAY[d.destination],
       (SELECT count(*) FROM trigger_ledger t WHERE t.state = 'parked' AND t.destination = d.destination)
  FROM destination d
UNION ALL
SELECT 'parked_oldest_seconds', ARRAY[d.destination],
       coalesce((SELECT extract(epoch FROM sync_now() - min(t.noted_at))
                   FROM trigger_ledger t WHERE t.state = 'parked' AND t.destination = d.destination), 0)
  FROM destination d
UNION ALL
SELECT 'triggers_halted', ARRAY[d.destination],
       (SELECT count(*) FROM halted_trigger h WHERE h.destination = d.destination)
  FROM destination d
UNION ALL
-- events
SELECT 'events_held', ARRAY[p.source], count(h.since)
  FROM project p LEFT JOIN held h USING (source) GROUP BY p.source
UNION ALL
SELECT 'events_held_oldest_seconds', ARRAY[p.source],
       coalesce(extract(epoch FROM sync_now() - min(h.since)), 0)
  FROM project p LEFT JOIN held h USING (source) GROUP BY p.source
UNION ALL
-- tallies
SELECT name, party || labels, value FROM counted
UNION ALL
SELECT 'calls_saved', ARRAY[m.party, m.labels[1]], m.value - a.value
  FROM counted m JOIN counted a ON a.party = m.party AND a.labels = m.labels AND a.name = 'attempts'
 WHERE m.name = 'members'
UNION ALL
-- upkeep
SELECT 'ledger_months_ahead', ARRAY[ledger], ahead FROM month
UNION ALL
SELECT 'dispatch_age_seconds', '{}', extract(epoch FROM sync_now() - done_at)
  FROM upkeep WHERE task = 'dispatch'
UNION ALL
SELECT 'retention_age_seconds', '{}', extract(epoch FROM sync_now() - done_at)
  FROM upkeep WHERE task = 'retention' AND done_at IS NOT NULL;
