-- Events: noticed within an accept, held until all before them is known, told once.

-- name: note_events
-- What was told stands.  What is held takes the earliest time that is known of it.
INSERT INTO event AS held (source, kind, key, stream, id, happened_at, is_historical, facts)
SELECT %(source)s, n.kind, n.key, n.stream, n.id, n.happened_at, n.is_historical, n.facts
  FROM unnest(%(kind)s::text[], %(key)s::text[], %(stream)s::text[], %(id)s::text[],
              %(happened_at)s::timestamptz[], %(is_historical)s::boolean[], %(facts)s::jsonb[])
       AS n (kind, key, stream, id, happened_at, is_historical, facts)
 ORDER BY n.kind, n.key
ON CONFLICT (source, kind, key) DO UPDATE
   SET happened_at = least(held.happened_at, excluded.happened_at),
       facts = CASE WHEN held.facts ? 'amount' THEN held.facts ELSE excluded.facts END,
       is_historical = held.is_historical AND excluded.is_historical
 WHERE held.told_at IS NULL;

-- name: withdraw_abandonments
-- Their carts were visited, which puts it off, or came to an end before anybody was told.
DELETE FROM event
 WHERE source = %(source)s AND kind = 'cart_abandoned' AND key = ANY (%(keys)s) AND told_at IS NULL;

-- name: read_abandoned
-- Carts that somebody was told are abandoned.
SELECT key FROM event
 WHERE source = %(source)s AND kind = 'cart_abandoned' AND key = ANY (%(keys)s)
   AND told_at IS NOT NULL AND NOT is_historical;

-- name: note_messages
-- Returns those that nobody has read before.
INSERT INTO message (source, id, resource, sequence, type, created_at)
SELECT %(source)s, n.* FROM unnest(%(id)s::text[], %(resource)s::text[], %(sequence)s::bigint[],
                                   %(type)s::text[], %(created_at)s::timestamptz[]) AS n
ON CONFLICT DO NOTHING
RETURNING id;

-- name: known_messages
SELECT id FROM message WHERE source = %(source)s AND id = ANY (%(ids)s);

-- name: read_gaps
-- Of each resource the number after which one is missing, with those that were just read.
SELECT resource, min(before) AS above
  FROM (SELECT resource, sequence, lag(sequence) OVER (PARTITION BY resource ORDER BY sequence) AS before
          FROM (SELECT resource, sequence FROM message
                 WHERE source = %(source)s AND resource = ANY (%(resources)s)
                UNION SELECT * FROM unnest(%(resources)s::text[], %(sequences)s::bigint[])) AS known
         WHERE sequence IS NOT NULL) AS numbered
 WHERE before IS NOT NULL AND sequence > before + 1
 GROUP BY resource ORDER BY resource;

-- name: unknown_records
-- Resources that messages name and that are not stored, or older than the message, nor known
-- to be gone.
SELECT DISTINCT n.stream, n.id
  FROM unnest(%(streams)s::text[], %(ids)s::text[], %(versions)s::bigint[]) AS n (stream, id, version)
 WHERE NOT EXISTS (SELECT FROM record r
                    WHERE r.source = %(source)s AND r.stream = n.stream AND r.id = n.id
                      AND r.version >= n.version)
   AND NOT EXISTS (SELECT FROM tombstone t
                    WHERE t.source = %(source)s AND t.stream = n.stream AND t.id = n.id)
 ORDER BY 1, 2;

-- name: read_bodies
SELECT r.stream, r.id, r.body
  FROM unnest(%(streams)s::text[], %(ids)s::text[]) AS n (stream, id)
  JOIN record r ON r.source = %(source)s AND r.stream = n.stream AND r.id = n.id;

-- name: read_orders_paid
-- Orders by the payments they have, the newest first.
SELECT p.payment, r.id, r.body
  FROM order_payment p
  JOIN record r ON r.source = p.source AND r.stream = 'orders' AND r.id = p.order_id
 WHERE p.source = %(source)s AND p.payment = ANY (%(payments)s)
 ORDER BY r.created_at DESC, r.id;

-- name: has_held
SELECT EXISTS (SELECT FROM event WHERE told_at IS NULL) AS has_held;

-- name: forget_unheard
-- An abandonment of which nobody was told is none: its cart may be left once more.
DELETE FROM event WHERE event = ANY (%(events)s) AND kind = 'cart_abandoned';

-- name: lock_recipients_of_events
-- In the order in which accept and finish lock.
SELECT t.recipient
  FROM recipient t
 WHERE (t.destination, t.person) IN (
       SELECT n.destination, r.person
         FROM unnest(%(events)s::bigint[], %(destinations)s::text[]) AS n (event, destination)
         JOIN event v ON v.event = n.event
         JOIN record r ON r.source = v.source AND r.stream = v.stream AND r.id = v.id)
 ORDER BY t.recipient FOR UPDATE;

-- name: read_held
-- What may be told: all that happened before it is known.  A cart counts as abandoned only
-- where its own stream, and that of orders, were read past the moment.  What a custom object says
-- waits an hour for whom it names.
WITH known AS (
    SELECT coalesce(known_until(%(source)s, %(streams)s), sync_now()) AS until,
           (SELECT min(coalesce(least(read_until, watermark), '-infinity')) FROM stream
             WHERE source = %(source)s AND stream IN ('carts', 'orders')) AS idle_until
)
SELECT e.event, e.source, e.kind, e.key, e.stream, e.id, e.happened_at, e.is_historical, e.facts,
       r.body, c.body AS customer, r.person, coalesce(r.destinations, went_to(r.person)) AS destinations
  FROM known k
  JOIN event e ON e.source = %(source)s AND e.told_at IS NULL
   AND e.happened_at <= greatest(k.until, k.idle_until)
   AND (e.is_historical
        OR e.happened_at <= CASE e.kind WHEN 'cart_abandoned' THEN k.idle_until ELSE k.until END)
  LEFT JOIN record r ON r.source = e.source AND r.stream = e.stream AND r.id = e.id
  LEFT JOIN record c ON c.source = r.source AND c.stream = 'customers' AND c.id = r.customer_id
 WHERE (r.id IS NOT NULL
        OR NOT EXISTS (SELECT FROM dead_letter d        -- it may be read yet
                        WHERE d.source = e.source AND d.stream = e.stream AND d.object = e.id
                          AND d.entry IS NULL AND d.state = 'open'))
   AND NOT (e.stream = 'custom_objects' AND r.person IS NULL
            AND e.noticed_at > sync_now() - interval '1 hour')
 ORDER BY e.happened_at, array_position(%(kinds)s::text[], e.kind), e.event LIMIT %(limit)s;

-- name: mark_told
UPDATE event SET told_at = sync_now(), is_historical = is_historical OR event = ANY (%(quiet)s::bigint[])
 WHERE event = ANY (%(events)s) AND told_at IS NULL
RETURNING event;

-- name: ensure_recipients_of_events
INSERT INTO recipient (destination, person)
SELECT DISTINCT n.destination, r.person
  FROM unnest(%(events)s::bigint[], %(destinations)s::text[]) AS n (event, destination)
  JOIN event v ON v.event = n.event
  JOIN record r ON r.source = v.source AND r.stream = v.stream AND r.id = v.id
 WHERE r.person IS NOT NULL
 ORDER BY 1, 2
ON CONFLICT (destination, person) DO NOTHING;

-- name: raise_facts
-- In the order in which they happened.  A key that is in the ledger starts nothing again.
INSERT INTO entry (recipient, operation, object, source, rank, wanted, lane, next_at, fires, event, config)
SELECT t.recipient, 'fact', n.object, v.source, 4, nextval('wanted_sequence'), 1, sync_now(), true,
       n.event, %(config)s
  FROM unnest(%(events)s::bigint[], %(destinations)s::text[], %(objects)s::text[])
       WITH ORDINALITY AS n (event, destination, object, place)
  JOIN event v ON v.event = n.event
  JOIN record r ON r.source = v.source AND r.stream = v.stream AND r.id = v.id
  JOIN recipient t ON t.destination = n.destination AND t.person = r.person
 WHERE NOT EXISTS (SELECT FROM trigger_ledger l
                    WHERE l.destination = n.destination AND l.kind = trigger_of('fact', n.object)
                      AND l.business_key = business_key_of('fact', v.source, n.object))
 ORDER BY n.place
ON CONFLICT (recipient, operation, object) DO NOTHING
RETURNING recipient;

-- name: raise_states
-- Contacts and tags that say something of events: wanted anew, and made where there is none.
INSERT INTO entry AS held (recipient, operation, object, source, rank, wanted, lane, next_at, config)
SELECT DISTINCT ON (t.recipient, o.operation) t.recipient, o.operation, '', v.source,
       CASE o.operation WHEN 'upsert_contact' THEN 1 ELSE 3 END, nextval('wanted_sequence'), n.lane,
       sync_now(), %(config)s
  FROM unnest(%(events)s::bigint[], %(destinations)s::text[], %(lanes)s::smallint[])
       AS n (event, destination, lane)
  JOIN event v ON v.event = n.event
  JOIN record r ON r.source = v.source AND r.stream = v.stream AND r.id = v.id
  JOIN recipient t ON t.destination = n.destination AND t.person = r.person
 CROSS JOIN unnest(%(operations)s::text[]) AS o (operation)
 ORDER BY t.recipient, o.operation, n.lane
ON CONFLICT (recipient, operation, object) DO UPDATE
   SET wanted   = excluded.wanted,
       lane     = CASE WHEN held.state = 'done' THEN excluded.lane
                       ELSE least(held.lane, excluded.lane) END,
       attempts = CASE WHEN held.state = 'dead' THEN held.attempts ELSE 0 END,
       state    = CASE WHEN held.state IN ('waiting', 'dead') THEN held.state ELSE 'open' END,
       next_at  = CASE WHEN held.state IN ('waiting', 'dead') THEN NULL
                       WHEN held.unclear IS NOT NULL THEN coalesce(held.next_at, sync_now())
                       ELSE sync_now() END
RETURNING recipient;

-- name: note_skipped_events
INSERT INTO outcome (destination, operation, source, object, outcome, reason, config)
SELECT '', 'event', v.source, v.kind || '/' || v.key, 'skipped', n.reason, %(config)s
  FROM unnest(%(events)s::bigint[], %(reasons)s::text[]) AS n (event, reason)
  JOIN event v ON v.event = n.event;

-- name: set_reminders
INSERT INTO reminder (recipient, operation, due_at)
SELECT DISTINCT t.recipient, o.operation, n.due_at
  FROM unnest(%(events)s::bigint[], %(destinations)s::text[], %(due_at)s::timestamptz[])
       AS n (event, destination, due_at)
  JOIN event v ON v.event = n.event
  JOIN record r ON r.source = v.source AND r.stream = v.stream AND r.id = v.id
  JOIN recipient t ON t.destination = n.destination AND t.person = r.person
 CROSS JOIN unnest(ARRAY['sync_tags']) AS o (operation)
ON CONFLICT DO NOTHING;

-- name: read_reminders
-- Whom something changes for with time alone, now; in the order in which all lock.
SELECT recipient FROM recipient
 WHERE recipient IN (SELECT recipient FROM reminder WHERE due_at <= sync_now() LIMIT 500)
 ORDER BY recipient FOR UPDATE SKIP LOCKED;

-- name: remind
WITH due AS (
    DELETE FROM reminder WHERE recipient = ANY (%(recipients)s) AND due_at <= sync_now()
    RETURNING recipient, operation
)
UPDATE entry e SET wanted = nextval('wanted_sequence'), state = 'open', next_at = sync_now()
  FROM due WHERE e.recipient = due.recipient AND e.operation = due.operation AND e.state IN ('open', 'done')
RETURNING e.recipient;

-- name: note_pace
-- How many of each kind are told in this hour; what is older than a week says nothing more.
WITH old AS (DELETE FROM told_hour WHERE hour < sync_now() - interval '8 days')
INSERT INTO told_hour AS held (kind, hour, told)
SELECT v.kind, date_trunc('hour', sync_now()), count(*) FROM event v
 WHERE v.event = ANY (%(events)s) AND NOT v.is_historical GROUP BY v.kind ORDER BY v.kind
ON CONFLICT (kind, hour) DO UPDATE SET told = held.told + excluded.told;

-- name: read_pace
SELECT n.kind,
       coalesce((SELECT told FROM told_hour h
                  WHERE h.kind = n.kind AND h.hour = date_trunc('hour', sync_now())), 0) AS told,
       coalesce((SELECT max(told) FROM told_hour h
                  WHERE h.kind = n.kind AND h.hour < date_trunc('hour', sync_now())), 0) AS busiest
  FROM unnest(%(kinds)s::text[]) AS n (kind);

-- name: note_resumed
-- A human says that so many are right: they count as usual from now on.
WITH kinds AS (
    SELECT DISTINCT split_part(n.trigger, '.', 1) AS kind FROM unnest(%(triggers)s::text[]) AS n (trigger)
), told AS (
    UPDATE told_hour h SET told = 0 FROM kinds k, told_hour former
     WHERE h.kind = k.kind AND h.hour = date_trunc('hour', sync_now())
       AND former.kind = h.kind AND former.hour = h.hour
    RETURNING h.kind, former.told
)
INSERT INTO told_hour AS held (kind, hour, told)
SELECT kind, date_trunc('hour', sync_now()) - interval '1 hour', told FROM told ORDER BY kind
ON CONFLICT (kind, hour) DO UPDATE SET told = greatest(held.told, excluded.told);

-- name: halt_triggers
INSERT INTO halted_trigger (destination, trigger, reason)
SELECT n.destination, n.trigger, %(reason)s
  FROM unnest(%(destinations)s::text[], %(triggers)s::text[]) AS n (destination, trigger)
ON CONFLICT DO NOTHING
RETURNING destination, trigger;

-- name: is_halted
SELECT EXISTS (SELECT FROM halted_trigger
                WHERE destination = %(destination)s AND trigger = %(trigger)s) AS is_halted;

-- name: list_halted
SELECT h.destination, h.trigger, h.reason, h.halted_at,
       (SELECT count(*) FROM event v
          JOIN entry e ON e.event = v.event AND e.operation = 'fact' AND e.state = 'open'
          JOIN recipient r ON r.recipient = e.recipient AND r.destination = h.destination
         WHERE v.kind = split_part(h.trigger, '.', 1) AND v.told_at > h.halted_at - interval '1 day'
           AND trigger_of(e.operation, e.object) = h.trigger) AS waiting
  FROM halted_trigger h ORDER BY h.destination, h.trigger;

-- name: resume_triggers
DELETE FROM halted_trigger WHERE destination = %(destination)s
   AND (%(trigger)s::text IS NULL OR trigger = %(trigger)s)
RETURNING trigger;

-- name: read_waiting_facts
-- Who has facts that wait for triggers, in the order in which all lock.
SELECT r.recipient FROM recipient r
 WHERE r.recipient IN (
       SELECT e.recipient FROM halted_trigger h
         JOIN event v ON v.kind = split_part(h.trigger, '.', 1) AND v.told_at > h.halted_at - interval '1 day'
         JOIN entry e ON e.event = v.event AND e.operation = 'fact' AND e.state = 'open'
        WHERE h.destination = %(destination)s AND (%(trigger)s::text IS NULL OR h.trigger = %(trigger)s)
          AND trigger_of(e.operation, e.object) = h.trigger)
   AND r.destination = %(destination)s
 ORDER BY r.recipient FOR UPDATE;

-- name: wake_facts
UPDATE entry e SET next_at = sync_now()
 WHERE e.recipient = ANY (%(recipients)s) AND e.operation = 'fact' AND e.state = 'open'
   AND e.unclear IS NULL AND trigger_of(e.operation, e.object) = ANY (%(triggers)s);

-- name: read_event
SELECT e.event, e.source, e.kind, e.key, e.stream, e.id, e.happened_at, e.is_historical, e.facts,
       r.body, c.body AS customer
  FROM event e
  LEFT JOIN record r ON r.source = e.source AND r.stream = e.stream AND r.id = e.id
  LEFT JOIN record c ON c.source = r.source AND c.stream = 'customers' AND c.id = r.customer_id
 WHERE e.event = %(event)s;

-- name: record_events
-- What is known to have happened to a record, in the order in which it is told; of what is held,
-- whether all before it is known by now, as read_held has it.
WITH known AS (
    SELECT coalesce(known_until(%(source)s, %(streams)s), sync_now()) AS until,
           (SELECT min(coalesce(least(read_until, watermark), '-infinity')) FROM stream
             WHERE source = %(source)s AND stream IN ('carts', 'orders')) AS idle_until
)
SELECT e.event, e.source, e.kind, e.key, e.stream, e.id, e.happened_at, e.is_historical, e.facts, e.told_at,
       r.body, c.body AS customer, r.person, coalesce(r.destinations, went_to(r.person)) AS destinations,
       coalesce(e.happened_at <= greatest(k.until, k.idle_until)
                AND (e.is_historical
                     OR e.happened_at <= CASE e.kind WHEN 'cart_abandoned' THEN k.idle_until ELSE k.until END),
                false) AS is_reached
  FROM known k
  JOIN event e ON e.source = %(source)s AND e.stream = %(stream)s AND e.id = %(id)s
  LEFT JOIN record r ON r.source = e.source AND r.stream = e.stream AND r.id = e.id
  LEFT JOIN record c ON c.source = r.source AND c.stream = 'customers' AND c.id = r.customer_id
 ORDER BY e.happened_at, array_position(%(kinds)s::text[], e.kind), e.event;

-- name: record_facts
-- What was raised for the events of a record, as a claim would see it, and what came of it.
SELECT r.destination, c.*, e.state, t.state AS ledger, o.outcome, o.reason
  FROM event v
  JOIN entry e ON e.event = v.event AND e.operation = 'fact'
  JOIN claimable c USING (entry)
  JOIN recipient r ON r.recipient = e.recipient
  LEFT JOIN trigger_ledger t ON t.destination = r.destination AND t.kind = trigger_of(e.operation, e.object)
   AND t.business_key = business_key_of(e.operation, e.source, e.object)
  LEFT JOIN LATERAL (SELECT outcome, reason FROM outcome
                      WHERE recipient = e.recipient AND entry = e.entry
                      ORDER BY at DESC LIMIT 1) AS o ON true
 WHERE v.source = %(source)s AND v.stream = %(stream)s AND v.id = %(id)s
 ORDER BY e.wanted;

-- name: read_person_events
-- The newest of each kind that were told of persons, here; more than twenty of one say no more.
SELECT * FROM (
    SELECT r.person, e.event, e.source, e.kind, e.key, e.stream, e.id, e.happened_at, e.is_historical,
           e.facts, r.body, c.body AS customer, sync_now() AS now,
           array_position(%(order)s::text[], e.kind) AS rank,
           row_number() OVER (PARTITION BY r.person, e.kind ORDER BY e.happened_at DESC, e.event DESC) AS place
      FROM record r
      JOIN event e ON e.source = r.source AND e.stream = r.stream AND e.id = r.id
       AND e.told_at IS NOT NULL AND e.kind = ANY (%(kinds)s)
      LEFT JOIN record c ON c.source = r.source AND c.stream = 'customers' AND c.id = r.customer_id
     WHERE r.person = ANY (%(persons)s)
       AND NOT is_over(r.source, r.stream, r.customer_id, r.address, r.created_at, r.gone_at)
       AND goes_to(r.destinations, %(moved)s -> (r.source || '/' || r.stream || '/' || r.id), %(destination)s)
) AS ranked
 WHERE place <= 20
 ORDER BY person, happened_at DESC, rank DESC, event DESC;

-- name: refresh_recipients
SELECT refresh_recipients(%(recipients)s);
