-- Views for humans: how things stand, and what happened to one record.

-- name: streams
SELECT source, stream, watermark, cutover, sweep_until IS NOT NULL AS is_sweeping, sweeps,
       swept_at, halted, extract(epoch FROM sync_now() - watermark)::float AS behind_seconds
  FROM stream ORDER BY source, stream;

-- name: destinations
SELECT d.destination, d.halted,
       (SELECT count(*) FROM awaiting a WHERE a.destination = d.destination) AS awaiting,
       (SELECT replace(u.did, E'\n', '; ') FROM upkeep u
         WHERE u.task = 'layout ' || d.destination AND u.did <> '') AS drifts,
       (SELECT jsonb_object_agg(b.bucket, jsonb_build_object(
               'interval_ms', round(extract(epoch FROM b.pace) * 1000),
               'blocked_seconds', round(extract(epoch FROM least(greatest(b.blocked_until, sync_now()), sync_now() + interval '1 day') - sync_now()), 1)))
          FROM budget b WHERE b.destination = d.destination AND b.blocked_until >= '-infinity') AS budget
  FROM destination d ORDER BY 1;

-- name: lanes
SELECT r.lane, count(*) AS recipients, count(*) FILTER (WHERE r.due_at <= sync_now()) AS due,
       count(*) FILTER (WHERE r.lease_until > sync_now()) AS leased,
       count(*) FILTER (WHERE r.awaiting IS NOT NULL) AS awaiting,
       extract(epoch FROM sync_now() - min(r.due_at))::float AS oldest_seconds
  FROM recipient r WHERE r.due_at IS NOT NULL GROUP BY 1 ORDER BY 1;

-- name: entries
SELECT operation, state, count(*) AS entries,
       count(*) FILTER (WHERE wanted > applied) AS owed
  FROM entry GROUP BY 1, 2 ORDER BY 1, 2;

-- name: totals
SELECT (SELECT count(*) FROM dead_letter WHERE state = 'open') AS dead_letters,
       (SELECT count(*) FROM trigger_ledger WHERE state = 'parked') AS parked,
       (SELECT count(*) FROM trigger_ledger WHERE state = 'happened') AS triggered,
       (SELECT count(*) FROM halted_trigger) AS halted_triggers,
       (SELECT count(*) FROM event WHERE told_at IS NULL) AS held_events,
       (SELECT count(*) FROM record) AS records,
       (SELECT count(*) FROM person) AS persons,
       (SELECT count(*) FROM pending_move) AS pending_moves,
       (SELECT count(*) FROM intent) AS intents,
       (SELECT count(*) FROM entry WHERE state = 'open' AND wanted > applied) AS owed,
       (SELECT count(*) FROM entry WHERE state = 'open') AS open_entries;

-- name: outcomes
SELECT outcome, count(*) AS outcomes FROM outcome
 WHERE at > sync_now() - %(since)s::interval GROUP BY 1 ORDER BY 2 DESC;

-- name: remarks
-- What was sent although this mapping does not know all of it; what is said of consent is none.
SELECT reason AS remark, count(*) AS outcomes FROM outcome
 WHERE at > sync_now() - %(since)s::interval AND outcome = 'applied' AND reason <> ''
   AND operation NOT IN ('set_consent', 'write_back')
 GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 50;

-- name: find_records
SELECT source, stream, id, version, created_at, last_modified_at, is_historical, person,
       first_seen_at, seen_at
  FROM record
 WHERE id = %(what)s OR body ->> 'orderNumber' = %(what)s OR body ->> 'customerNumber' = %(what)s
    OR address = lower(%(what)s)
 ORDER BY stream, id LIMIT 50;

-- name: trace_sightings
SELECT at, 'sighting' AS event, version, epoch FROM sighting
 WHERE source = %(source)s AND stream = %(stream)s AND id = %(id)s ORDER BY at;

-- name: trace_outcomes
SELECT o.at, o.operation, o.object, o.outcome, o.reason, o.version, o.wanted, o.attempt, o.answer,
       o.config, a.kind, a.request ->> 'method' AS method, a.request ->> 'path' AS path, a.members
  FROM recipient r
  JOIN outcome o ON o.recipient = r.recipient
  LEFT JOIN attempt a ON a.attempt = o.attempt
 WHERE r.person = %(person)s
   AND (o.operation NOT IN ('upsert_order', 'fact', 'write_back') OR o.object = ANY (%(objects)s)
        OR o.entry IN (SELECT e.entry FROM event v JOIN entry e ON e.event = v.event
                        WHERE v.source = %(source)s AND v.stream = %(stream)s AND v.id = %(id)s))
 ORDER BY o.at;

-- name: trace_entries
SELECT e.operation, e.object, e.state, e.wanted, e.sent, e.applied, e.attempts, e.next_at,
       e.fires, e.unclear, r.recipient, r.destination, r.address IS NOT NULL AS is_placed, r.contact
  FROM recipient r JOIN entry e USING (recipient)
 WHERE r.person = %(person)s
   AND (e.operation NOT IN ('upsert_order', 'fact', 'write_back') OR e.object = ANY (%(objects)s)
        OR e.unclear IS NOT NULL
        OR e.event IN (SELECT v.event FROM event v
                        WHERE v.source = %(source)s AND v.stream = %(stream)s AND v.id = %(id)s))
 ORDER BY e.rank, e.object;

-- name: trace_triggers
-- Of the order itself, and of all that its events started.
SELECT kind, business_key, state, attempt, noted_at, settled_at, actor, reason
  FROM trigger_ledger WHERE business_key = ANY (%(keys)s)
UNION ALL
SELECT t.kind, t.business_key, t.state, t.attempt, t.noted_at, t.settled_at, t.actor, t.reason
  FROM event v
  JOIN entry e ON e.event = v.event
  JOIN recipient r USING (recipient)
  JOIN trigger_ledger t ON t.destination = r.destination AND t.kind = trigger_of(e.operation, e.object)
   AND t.business_key = business_key_of(e.operation, e.source, e.object)
 WHERE v.source = %(source)s AND v.stream = %(stream)s AND v.id = %(id)s
 ORDER BY noted_at, kind;

-- name: trace_events
-- What is known to have happened to the record, and what followed of it.
SELECT v.kind, v.key, v.happened_at, v.noticed_at, v.told_at, v.is_historical,
       (SELECT string_agg(DISTINCT trigger_of(e.operation, e.object) || ' ' || e.state, ', ')
          FROM entry e WHERE e.event = v.event) AS facts
  FROM event v
 WHERE v.source = %(source)s AND v.stream = %(stream)s AND v.id = %(id)s
 ORDER BY v.happened_at, v.event;

-- name: halted_triggers
SELECT destination, trigger, reason, halted_at FROM halted_trigger ORDER BY 1, 2;

-- name: read_body
SELECT body FROM record WHERE source = %(source)s AND stream = %(stream)s AND id = %(id)s;

-- name: read_customer
SELECT c.body FROM record r
  JOIN record c ON c.source = r.source AND c.stream = 'customers' AND c.id = r.customer_id
 WHERE r.source = %(source)s AND r.stream = %(stream)s AND r.id = %(id)s;

-- name: held_entries
-- What is owed to a person, and known to be held, at each destination, as a claim would see it.
SELECT r.destination, c.* FROM claimable c JOIN recipient r USING (recipient)
 WHERE r.person = %(person)s
 ORDER BY r.destination, c.entry;
