-- Intake: one page of records, whom they concern and what must be done, in one commit.

-- name: pass_gate
SELECT 1 FROM identity_gate FOR UPDATE;

-- name: read_news
-- What is new, or newer than what is stored: the overlap shows most records once more.
SELECT n.stream, n.id
  FROM unnest(%(streams)s::text[], %(ids)s::text[], %(versions)s::bigint[]) AS n (stream, id, version)
 WHERE NOT EXISTS (SELECT FROM record r
                    WHERE r.source = %(source)s AND r.stream = n.stream AND r.id = n.id
                      AND r.version >= n.version);

-- name: upsert_records
-- Returns only those that were new or newer; an equal or older version changes nothing.
INSERT INTO record AS held
       (source, stream, id, version, created_at, last_modified_at, address, customer_id,
        is_historical, destinations, body)
SELECT %(source)s, n.stream, n.id, n.version, n.created_at, n.last_modified_at, n.address,
       n.customer_id, n.starts_nothing OR n.created_at < %(cutover)s,
       CASE WHEN n.stream <> 'custom_objects' THEN string_to_array(n.destinations, ' ') END, n.body
  FROM unnest(%(stream)s::text[], %(id)s::text[], %(version)s::bigint[],
              %(created_at)s::timestamptz[], %(last_modified_at)s::timestamptz[],
              %(address)s::text[], %(customer_id)s::text[], %(starts_nothing)s::boolean[],
              %(destinations)s::text[], %(body)s::jsonb[])
       AS n (stream, id, version, created_at, last_modified_at, address, customer_id,
             starts_nothing, destinations, body)
 ORDER BY n.stream, n.id
ON CONFLICT (source, stream, id) DO UPDATE
   SET version = excluded.version, last_modified_at = excluded.last_modified_at,
       address = excluded.address, customer_id = excluded.customer_id,
       destinations = excluded.destinations, body = excluded.body, seen_at = sync_now()
 WHERE held.version < excluded.version AND held.gone_at IS NULL
RETURNING held.stream, held.id, held.version, held.address, held.customer_id, held.person,
          held.is_historical, held.destinations, held.last_modified_at < %(cutover)s AS is_past,
          xmax = 0 AS is_new;                -- xmax is 0 only of a row that was inserted

-- name: read_payments
SELECT id, body FROM record WHERE source = %(source)s AND stream = 'payments' AND id = ANY (%(payments)s);

-- name: read_orders_to_renew
-- Orders whose payments changed; with them changes what is sent of the order.
SELECT r.stream, r.id, r.version, r.address, r.customer_id, r.person, r.is_historical, r.body,
       coalesce(r.destinations, went_to(r.person)) AS destinations,
       false AS is_past
  FROM record r
 WHERE r.source = %(source)s AND r.stream = 'orders' AND r.gone_at IS NULL
   AND r.id IN (SELECT p.order_id FROM order_payment p
                 WHERE p.source = %(source)s AND p.payment = ANY (%(payments)s))
 ORDER BY r.id FOR UPDATE;

-- name: renew_orders
UPDATE record r SET body = n.body, seen_at = sync_now()
  FROM unnest(%(ids)s::text[], %(bodies)s::jsonb[]) AS n (id, body)
 WHERE r.source = %(source)s AND r.stream = 'orders' AND r.id = n.id;

-- name: move_kept
-- Carts and shopping lists of a customer follow it to another person.
UPDATE record SET person = %(person)s
 WHERE source = %(source)s AND stream = ANY (%(streams)s) AND customer_id = %(customer)s
   AND person IS DISTINCT FROM %(person)s
RETURNING stream, id, version;

-- name: read_straying_facts
-- Facts of records that are another person's by now, and that nobody is at.
SELECT f.entry, f.recipient, o.destination, k.person
  FROM unnest(%(streams)s::text[], %(ids)s::text[]) AS n (stream, id)
  JOIN record k ON k.source = %(source)s AND k.stream = n.stream AND k.id = n.id
  JOIN event v ON v.source = k.source AND v.stream = k.stream AND v.id = k.id
  JOIN entry f ON f.event = v.event AND f.state IN ('open', 'waiting') AND f.unclear IS NULL
  JOIN recipient o ON o.recipient = f.recipient AND o.person <> k.person
 WHERE NOT EXISTS (SELECT FROM intent i WHERE i.entry = f.entry)
 ORDER BY f.wanted;

-- name: move_facts
UPDATE entry f
   SET recipient = t.recipient, state = 'open', waits_for = NULL,
       next_at = greatest(f.next_at, sync_now())
  FROM unnest(%(entries)s::bigint[], %(destinations)s::text[], %(persons)s::bigint[])
       AS n (entry, destination, person)
  JOIN recipient t ON t.destination = n.destination AND t.person = n.person
 WHERE f.entry = n.entry
RETURNING f.recipient;

-- name: note_sightings
INSERT INTO sighting (source, stream, id, version, epoch)
SELECT %(source)s, n.stream, n.id, n.version, %(epoch)s
  FROM unnest(%(stream)s::text[], %(id)s::text[], %(version)s::bigint[]) AS n (stream, id, version);

-- name: bury_unreadable
-- One letter per record; a version that can be read supersedes it.  What a human gave up is
-- no letter again for the same fault, however many sweeps see it.
INSERT INTO dead_letter (source, stream, object, version, operation, lane, cause, message)
SELECT %(source)s::text, %(stream)s::text, %(id)s::text, %(version)s::bigint, 'read_record', 3,
       %(cause)s::text, %(message)s::text
 WHERE NOT EXISTS (SELECT FROM dead_letter d
                    WHERE d.source = %(source)s AND d.stream = %(stream)s AND d.object = %(id)s
                      AND d.entry IS NULL AND d.state = 'discarded'
                      AND d.version = %(version)s AND d.message = %(message)s)
ON CONFLICT (source, stream, object) WHERE state = 'open' AND entry IS NULL
DO UPDATE SET version = excluded.version, message = excluded.message, cause = excluded.cause
-- xmax is 0 only of a row that was inserted: a record is seen again by each overlap.
RETURNING dead_letter, xmax = 0 AS is_new;

-- name: supersede_unreadable
UPDATE dead_letter
   SET state = 'superseded', resolved_at = sync_now(), reason = 'a later version can be read'
 WHERE source = %(source)s AND entry IS NULL AND state = 'open'
   AND (stream, object) IN (SELECT * FROM unnest(%(stream)s::text[], %(id)s::text[]));

-- name: unknown_customers
-- Customers that orders name and that are neither stored nor known to be gone.
SELECT DISTINCT n.id
  FROM unnest(%(ids)s::text[]) AS n (id)
 WHERE NOT EXISTS (SELECT FROM record r
                    WHERE r.source = %(source)s AND r.stream = 'customers' AND r.id = n.id)
   AND NOT EXISTS (SELECT FROM tombstone t
                    WHERE t.source = %(source)s AND t.stream = 'customers' AND t.id = n.id);

-- name: note_gone
INSERT INTO tombstone (source, stream, id)
SELECT %(source)s, %(stream)s, n.id FROM unnest(%(ids)s::text[]) AS n (id)
ON CONFLICT DO NOTHING;

-- name: read_identifiers
SELECT kind, value, person FROM identifier
 WHERE (kind = 'customer' AND source = %(source)s AND value = ANY (%(customers)s))
    OR (kind = 'address' AND value = ANY (%(addresses)s));

-- name: read_companions
-- All customers of the persons concerned: who else would stay at an address.
SELECT person, source, id FROM record
 WHERE stream = 'customers' AND person = ANY (%(persons)s) AND gone_at IS NULL;

-- name: bear_persons
INSERT INTO person SELECT FROM generate_series(1, %(count)s) RETURNING person;

-- name: read_busy_persons
-- Persons that are being written to now: their records may not move away.
SELECT DISTINCT r.person FROM recipient r
 WHERE r.person = ANY (%(persons)s)
   AND (r.lease_until > sync_now() OR r.awaiting IS NOT NULL
        OR EXISTS (SELECT FROM intent i WHERE i.recipient = r.recipient)
        OR EXISTS (SELECT FROM entry e WHERE e.recipient = r.recipient AND e.unclear IS NOT NULL));

-- name: lock_recipients
SELECT recipient FROM recipient WHERE person = ANY (%(persons)s) ORDER BY recipient FOR UPDATE;

-- name: note_pending_moves
INSERT INTO pending_move (source, stream, id)
SELECT %(source)s, n.stream, n.id FROM unnest(%(stream)s::text[], %(id)s::text[]) AS n (stream, id)
ON CONFLICT DO NOTHING;

-- name: forget_pending_moves
DELETE FROM pending_move m USING unnest(%(stream)s::text[], %(id)s::text[]) AS n (stream, id)
 WHERE m.source = %(source)s AND m.stream = n.stream AND m.id = n.id;

-- name: has_pending_moves
SELECT EXISTS (SELECT FROM pending_move WHERE source = %(source)s) AS has_pending_moves;

-- name: read_pending_moves
SELECT r.source, r.stream, r.id, r.version, r.address, r.customer_id, r.person,
       r.is_historical, coalesce(r.destinations, went_to(r.person)) AS destinations,
       false AS is_past
  FROM pending_move m JOIN record r USING (source, stream, id)
 WHERE m.source = %(source)s
 ORDER BY m.stream, m.id LIMIT 100;

-- name: release_moved_hold
-- Whoever moves takes the address it moves to along; its former person did not get it.
DELETE FROM held_address h USING recipient r
 WHERE r.recipient = h.recipient AND r.person = %(former)s AND h.address = %(address)s
   AND r.address IS DISTINCT FROM h.address;

-- name: release_address
-- A person lets go of an address it no longer uses.
DELETE FROM identifier WHERE kind = 'address' AND person = %(person)s AND value <> %(address)s;

-- name: write_identifiers
INSERT INTO identifier (kind, source, value, person)
SELECT * FROM unnest(%(kind)s::text[], %(source)s::text[], %(value)s::text[], %(person)s::bigint[])
 ORDER BY 1, 2, 3
ON CONFLICT (kind, source, value) DO UPDATE SET person = excluded.person;

-- name: assign_persons
UPDATE record r SET person = n.person
  FROM unnest(%(stream)s::text[], %(id)s::text[], %(person)s::bigint[]) AS n (stream, id, person)
 WHERE r.source = %(source)s AND r.stream = n.stream AND r.id = n.id
   AND r.person IS DISTINCT FROM n.person;

-- name: move_orders
-- The orders of a customer follow it to another person, and are owed there again.
WITH moved AS (
    UPDATE record SET person = %(person)s
     WHERE source = %(source)s AND stream = 'orders' AND customer_id = %(customer)s
       AND person IS DISTINCT FROM %(person)s
    RETURNING id, version, is_historical, coalesce(destinations, went_to(%(former)s)) AS destinations
), left_behind AS (
    DELETE FROM entry e USING moved, recipient r
     WHERE e.operation = 'upsert_order' AND e.source = %(source)s AND e.object = moved.id
       AND r.recipient = e.recipient AND r.person = %(former)s
    RETURNING e.entry
), freed AS (
    UPDATE entry w SET state = 'open', next_at = sync_now(), waits_for = NULL
      FROM left_behind b WHERE w.waits_for = b.entry
), superseded AS (
    UPDATE dead_letter SET state = 'superseded', resolved_at = sync_now(),
                           reason = 'the order moved to another person'
     WHERE entry IN (SELECT entry FROM left_behind) AND state = 'open'
)
SELECT id, version, is_historical, destinations FROM moved;

-- name: leave_orders
-- Orders whose person changed by their own doing are owed at the new person only.
WITH left_behind AS (
    DELETE FROM entry e
     USING unnest(%(ids)s::text[], %(former)s::bigint[]) AS n (id, former), recipient r
     WHERE e.operation = 'upsert_order' AND e.source = %(source)s AND e.object = n.id
       AND r.recipient = e.recipient AND r.person = n.former
    RETURNING e.entry, e.recipient
), freed AS (
    UPDATE entry w SET state = 'open', next_at = sync_now(), waits_for = NULL
      FROM left_behind b WHERE w.waits_for = b.entry
), superseded AS (
    UPDATE dead_letter SET state = 'superseded', resolved_at = sync_now(),
                           reason = 'the order moved to another person'
     WHERE entry IN (SELECT entry FROM left_behind) AND state = 'open'
)
SELECT DISTINCT recipient FROM left_behind;

-- name: ensure_recipients
INSERT INTO recipient (destination, person)
SELECT * FROM unnest(%(destinations)s::text[], %(persons)s::bigint[]) AS n (destination, person)
 ORDER BY 1, 2
ON CONFLICT (destination, person) DO NOTHING;

-- name: raise_entries
-- Wants the present state of each object where it goes, and where it once went: what was
-- sent is kept right, whatever routes say by now.  A dead letter is superseded; what is being
-- read back keeps its time; what waits for a dead contact goes on waiting.
WITH wanted AS (
    SELECT r.recipient, r.destination, n.*
      FROM unnest(%(person)s::bigint[], %(operation)s::text[], %(object)s::text[],
                  %(lane)s::smallint[], %(fires)s::boolean[], %(destinations)s::text[])
           AS n (person, operation, object, lane, fires, destinations)
      JOIN recipient r ON r.person = n.person AND r.destination = ANY (%(served)s)
       AND (n.operation <> 'set_consent' OR has_evidence(n.person))
       AND (r.destination = ANY (string_to_array(n.destinations, ' '))
            OR EXISTS (SELECT FROM entry e
                        WHERE e.recipient = r.recipient AND e.operation = n.operation
                          AND e.object = n.object))
     ORDER BY r.recipient, n.operation, n.object
), raised AS (
    INSERT INTO entry AS held
           (recipient, operation, object, source, rank, wanted, lane, next_at, fires, config)
    SELECT recipient, operation, object, %(source)s,
           CASE operation WHEN 'upsert_contact' THEN 1 WHEN 'set_consent' THEN 2
                          WHEN 'fact' THEN 4 ELSE 3 END,
           nextval('wanted_sequence'), lane, sync_now(),
           fires AND NOT EXISTS (
               SELECT FROM trigger_ledger t
                WHERE t.destination = wanted.destination AND t.kind = 'order_placed'
                  AND t.business_key = %(source)s || '/' || wanted.object),
           %(config)s
      FROM wanted
    ON CONFLICT (recipient, operation, object) DO UPDATE
       SET wanted    = excluded.wanted,
           config    = excluded.config,
           lane      = CASE WHEN held.state = 'done' THEN excluded.lane
                            ELSE least(held.lane, excluded.lane) END,
           attempts  = 0, crashes = 0,
           state     = CASE WHEN held.state = 'waiting' THEN 'waiting' ELSE 'open' END,
           next_at   = CASE WHEN held.state = 'waiting' THEN NULL
                            WHEN held.unclear IS NOT NULL THEN coalesce(held.next_at, sync_now())
                            ELSE sync_now() END
    RETURNING entry, recipient
), superseded AS (
    UPDATE dead_letter SET state = 'superseded', resolved_at = sync_now(),
                           reason = 'a newer version is wanted'
     WHERE entry IN (SELECT entry FROM raised) AND state = 'open'
)
SELECT DISTINCT recipient FROM raised;

-- name: ensure_profiles
-- Nothing goes anywhere without its contact, and that not without its tags, wherever it came from.
INSERT INTO entry (recipient, operation, object, source, rank, wanted, lane, next_at, config)
SELECT n.recipient, o.operation, '', %(source)s,
       CASE o.operation WHEN 'upsert_contact' THEN 1 ELSE 3 END, nextval('wanted_sequence'),
       coalesce((SELECT min(e.lane) FROM entry e
                  WHERE e.recipient = n.recipient AND e.state = 'open'), 3::smallint),
       sync_now(), %(config)s
  FROM unnest(%(recipients)s::bigint[]) AS n (recipient)
 CROSS JOIN unnest(%(operations)s::text[]) AS o (operation)
 WHERE NOT EXISTS (SELECT FROM entry c
                    WHERE c.recipient = n.recipient AND c.operation = o.operation)
 ORDER BY n.recipient, o.operation DESC
ON CONFLICT (recipient, operation, object) DO NOTHING;

-- name: refresh_recipients
SELECT refresh_recipients(%(recipients)s);

-- name: note_skips
INSERT INTO outcome (destination, operation, source, object, version, outcome, reason, config)
SELECT n.destination, n.operation, %(source)s, n.id, n.version, 'skipped', n.reason, %(config)s
  FROM unnest(%(destinations)s::text[], %(operations)s::text[], %(ids)s::text[],
              %(versions)s::bigint[], %(reasons)s::text[])
       AS n (destination, operation, id, version, reason);

-- name: read_customers
SELECT id, body FROM record
 WHERE source = %(source)s AND stream = 'customers' AND id = ANY (%(ids)s);

-- name: page_records
-- All records of a source that are somebody's, a page at a time; orders with their customers.
SELECT r.stream, r.id, r.version, r.created_at, r.last_modified_at, r.person, r.body, c.body AS customer,
       coalesce(r.destinations, went_to(r.person)) AS destinations
  FROM record r
  LEFT JOIN record c ON c.source = r.source AND c.stream = 'customers' AND c.id = r.customer_id
 WHERE r.source = %(source)s AND r.person IS NOT NULL AND (r.stream, r.id) > (%(stream)s, %(after)s)
   AND r.stream IN ('customers', 'orders')
   AND NOT is_over(r.source, r.stream, r.customer_id, r.address, r.created_at, r.gone_at)
 ORDER BY r.stream, r.id LIMIT %(limit)s;

-- name: reroute_records
UPDATE record r SET destinations = string_to_array(n.destinations, ' ')
  FROM unnest(%(stream)s::text[], %(id)s::text[], %(destinations)s::text[])
       AS n (stream, id, destinations)
 WHERE r.source = %(source)s AND r.stream = n.stream AND r.id = n.id
   AND r.destinations IS DISTINCT FROM string_to_array(n.destinations, ' ');
