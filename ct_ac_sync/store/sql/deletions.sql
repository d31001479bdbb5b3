-- Deletions: who may be gone, who is, and what follows of it.

-- name: note_candidates
-- What a message says of a record that is stored; the earliest time that is known of it stands.
INSERT INTO gone_candidate AS held (source, stream, id, because, gone_at)
SELECT DISTINCT ON (n.stream, n.id) %(source)s, n.stream, n.id, 'message', n.gone_at
  FROM unnest(%(streams)s::text[], %(ids)s::text[], %(gone_at)s::timestamptz[]) AS n (stream, id, gone_at)
  JOIN record r ON r.source = %(source)s AND r.stream = n.stream AND r.id = n.id AND r.gone_at IS NULL
 ORDER BY n.stream, n.id, n.gone_at
ON CONFLICT (source, stream, id) DO UPDATE
   SET because = excluded.because, gone_at = least(held.gone_at, excluded.gone_at);

-- name: is_halted
SELECT EXISTS (SELECT FROM stream WHERE source = %(source)s AND stream = ANY (%(names)s)
                  AND halted IS NOT NULL) AS is_halted;

-- name: take_candidates
-- Put off at once, so that nobody else looks at the same, and one that fails lets others go first.
UPDATE gone_candidate c SET check_at = sync_now() + %(pause)s
 WHERE c.source = %(source)s AND (c.stream, c.id) IN (
       SELECT stream, id FROM gone_candidate
        WHERE source = %(source)s AND check_at <= sync_now()
        ORDER BY check_at, stream, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING c.stream, c.id, c.gone_at, c.missed_at IS NOT NULL AS was_missed;

-- name: note_missed
UPDATE gone_candidate SET missed_at = sync_now(), check_at = sync_now() + %(pause)s
 WHERE source = %(source)s AND stream = %(stream)s AND id = %(id)s AND missed_at IS NULL;

-- name: drop_candidate
DELETE FROM gone_candidate WHERE source = %(source)s AND stream = %(stream)s AND id = %(id)s;

-- name: list_candidates
SELECT source, stream, id, because, gone_at, noted_at, missed_at, check_at
  FROM gone_candidate ORDER BY noted_at, source, stream, id;

-- name: list_halts
SELECT source, stream, halted, swept_at FROM stream
 WHERE stream = ANY (%(names)s) AND halted IS NOT NULL ORDER BY source, stream;

-- name: ensure_sweep
INSERT INTO stream (source, stream) VALUES (%(source)s, %(name)s) ON CONFLICT DO NOTHING;

-- name: lease_sweep
-- The sweep under way, or a new one where it is time; of a stream that was never read, none.
UPDATE stream s
   SET epoch = epoch + 1, lease_until = sync_now() + %(lease)s,
       sweep_after = CASE WHEN s.swept_at < s.begun_at OR (s.swept_at IS NULL AND s.begun_at IS NOT NULL)
                          THEN s.sweep_after END,
       begun_at = CASE WHEN s.swept_at < s.begun_at OR (s.swept_at IS NULL AND s.begun_at IS NOT NULL)
                       THEN s.begun_at ELSE sync_now() END
 WHERE source = %(source)s AND stream = %(name)s AND halted IS NULL
   AND (lease_until IS NULL OR lease_until <= sync_now())
   AND (%(is_asked)s OR begun_at IS NULL OR swept_at IS NULL OR swept_at < begun_at
        OR begun_at <= sync_now() - %(period)s)
   AND EXISTS (SELECT FROM stream read
                WHERE read.source = %(source)s AND read.stream = %(stream)s AND read.watermark IS NOT NULL)
RETURNING epoch, sweep_after, begun_at;

-- name: forget_listed
DELETE FROM listed_id WHERE source = %(source)s AND stream = %(stream)s;

-- name: move_sweep
-- Guards what follows in the same transaction.
UPDATE stream SET sweep_after = %(after)s, lease_until = sync_now() + %(lease)s
 WHERE source = %(source)s AND stream = %(name)s AND epoch = %(epoch)s
RETURNING epoch;

-- name: note_listed
INSERT INTO listed_id (source, stream, id)
SELECT %(source)s, %(stream)s, n.id FROM unnest(%(ids)s::text[]) AS n (id)
ON CONFLICT DO NOTHING;

-- name: count_missing
-- Of what was stored before the sweep began: how much there is, and how much of it was not seen.
SELECT count(*) AS known,
       count(*) FILTER (WHERE NOT EXISTS (
           SELECT FROM listed_id l
            WHERE l.source = r.source AND l.stream = r.stream AND l.id = r.id)) AS missing
  FROM record r
 WHERE r.source = %(source)s AND r.stream = %(stream)s AND r.gone_at IS NULL
   AND r.first_seen_at < %(begun_at)s;

-- name: note_missing
INSERT INTO gone_candidate (source, stream, id, because, gone_at)
SELECT r.source, r.stream, r.id, 'sweep', sync_now() FROM record r
 WHERE r.source = %(source)s AND r.stream = %(stream)s AND r.gone_at IS NULL
   AND r.first_seen_at < %(begun_at)s
   AND NOT EXISTS (SELECT FROM listed_id l
                    WHERE l.source = r.source AND l.stream = r.stream AND l.id = r.id)
 ORDER BY r.id
ON CONFLICT DO NOTHING;

-- name: end_sweep
UPDATE stream SET swept_at = sync_now(), sweeps = sweeps + 1, sweep_after = NULL, halted = %(halted)s
 WHERE source = %(source)s AND stream = %(name)s AND epoch = %(epoch)s
RETURNING epoch;

-- name: release_sweep
UPDATE stream SET lease_until = NULL
 WHERE source = %(source)s AND stream = %(name)s AND epoch = %(epoch)s;

-- name: mark_gone
-- A customer is gone wherever anything of it was sent, whatever routes say by now.
UPDATE record r
   SET gone_at = %(gone_at)s, seen_at = sync_now(),
       destinations = CASE WHEN r.stream = 'customers' THEN ARRAY(
           SELECT DISTINCT place FROM unnest(r.destinations || went_to(r.person)) AS place ORDER BY 1)
           ELSE r.destinations END
 WHERE r.source = %(source)s AND r.stream = %(stream)s AND r.id = %(id)s AND r.gone_at IS NULL
RETURNING r.stream, r.id, r.version, r.address, r.customer_id, r.person, r.gone_at,
          true AS is_historical, false AS is_past;

-- name: bury
INSERT INTO tombstone AS held (source, stream, id, gone_at, is_confirmed, address, is_cancelled)
VALUES (%(source)s, %(stream)s, %(id)s, %(gone_at)s, true,
        CASE WHEN %(stream)s::text = 'customers' THEN digest_of(%(address)s::text) END, %(is_cancelled)s)
ON CONFLICT (source, stream, id) DO UPDATE
   SET gone_at = excluded.gone_at, is_confirmed = true, address = excluded.address,
       is_cancelled = excluded.is_cancelled;

-- name: quiet_events
-- What is held of records that speak for nobody any more starts nothing.
UPDATE event e SET is_historical = true
  FROM record r
 WHERE r.person = %(person)s AND e.source = r.source AND e.stream = r.stream AND e.id = r.id
   AND e.told_at IS NULL AND NOT e.is_historical AND e.kind <> ALL (%(kinds)s)
   AND is_over(r.source, r.stream, r.customer_id, r.address, r.created_at, r.gone_at);

-- name: mark_told
-- Nobody is to be told of events.
UPDATE event SET told_at = sync_now()
 WHERE source = %(source)s AND kind = %(kind)s AND key = %(key)s AND told_at IS NULL;

-- name: read_over
SELECT r.stream, r.id
  FROM unnest(%(streams)s::text[], %(ids)s::text[]) AS n (stream, id)
  JOIN record r ON r.source = %(source)s AND r.stream = n.stream AND r.id = n.id
 WHERE is_over(r.source, r.stream, r.customer_id, r.address, r.created_at, r.gone_at);

-- name: take_unsettled
-- Customers that are gone, and whose going was told: all that is told of it goes first.
SELECT t.id, r.person, e.event
  FROM tombstone t
  JOIN record r ON r.source = t.source AND r.stream = t.stream AND r.id = t.id
  JOIN event e ON e.source = t.source AND e.kind = 'customer_deleted' AND e.key = t.id
   AND e.told_at IS NOT NULL
 WHERE t.source = %(source)s AND t.stream = 'customers' AND t.is_confirmed AND t.settled_at IS NULL
 ORDER BY t.gone_at, t.id LIMIT %(limit)s FOR UPDATE OF t SKIP LOCKED;

-- name: raise_farewells
-- Where nobody else has the contact; a withdrawal is the most urgent there is.  Told once: an
-- entry that is there stays as it is.
INSERT INTO entry (recipient, operation, object, source, rank, wanted, lane, next_at, fires, event, config)
SELECT t.recipient, 'fact', 'customer_deleted.' || %(action)s || '/' || n.id, %(source)s, 4,
       nextval('wanted_sequence'), 0, sync_now(), true, n.event, %(config)s
  FROM unnest(%(events)s::bigint[], %(ids)s::text[], %(persons)s::bigint[]) AS n (event, id, person)
  JOIN recipient t ON t.person = n.person AND t.destination = ANY (%(served)s)
 WHERE NOT has_living(t.person, t.destination)
 ORDER BY t.recipient, n.id
ON CONFLICT (recipient, operation, object) DO NOTHING
RETURNING recipient;

-- name: note_shared
INSERT INTO outcome (destination, recipient, operation, source, object, outcome, reason, config)
SELECT t.destination, t.recipient, 'fact', %(source)s, 'customer_deleted.' || %(action)s || '/' || n.id,
       'skipped', 'shared', %(config)s
  FROM unnest(%(ids)s::text[], %(persons)s::bigint[]) AS n (id, person)
  JOIN recipient t ON t.person = n.person AND t.destination = ANY (%(served)s)
 WHERE has_living(t.person, t.destination);

-- name: forget_contacts
-- What is believed of contacts that are taken leave of holds no longer: whoever comes back is new.
WITH forgotten AS (
    UPDATE entry SET fingerprint = NULL
     WHERE recipient = ANY (%(recipients)s)
       AND operation IN ('upsert_contact', 'sync_tags', 'upsert_order')
), tags AS (
    DELETE FROM recipient_tag WHERE recipient = ANY (%(recipients)s)
)
UPDATE recipient SET tags_at = NULL WHERE recipient = ANY (%(recipients)s);

-- name: drop_late_facts
-- What could not be told before is not told after: it might bring a contact back.
WITH late AS (
    UPDATE entry e SET state = 'done', next_at = NULL, waits_for = NULL, applied = e.wanted
      FROM recipient r
     WHERE r.recipient = e.recipient AND e.recipient = ANY (%(recipients)s) AND e.operation = 'fact'
       AND NOT is_farewell(e.operation, e.object) AND e.unclear IS NULL
       AND (e.state IN ('dead', 'waiting')
            OR (e.state = 'open'
                AND EXISTS (SELECT FROM halted_trigger h
                             WHERE h.destination = r.destination
                               AND h.trigger = trigger_of(e.operation, e.object))))
    RETURNING e.entry, e.recipient, e.source, e.object, e.wanted, r.destination
), superseded AS (
    UPDATE dead_letter SET state = 'superseded', resolved_at = sync_now(), reason = 'its person is gone'
     WHERE entry IN (SELECT entry FROM late) AND state = 'open'
)
INSERT INTO outcome (destination, recipient, entry, operation, source, object, wanted, outcome, reason, config)
SELECT destination, recipient, entry, 'fact', source, object, wanted, 'skipped', 'deleted', %(config)s FROM late;

-- name: mark_settled
UPDATE tombstone SET settled_at = sync_now()
 WHERE source = %(source)s AND stream = 'customers' AND id = ANY (%(ids)s);

-- name: find_farewells
-- Recipients that are still to be taken leave of, though somebody has their contact by now.
SELECT DISTINCT e.recipient
  FROM event v JOIN entry e ON e.event = v.event JOIN recipient r USING (recipient)
 WHERE v.source = %(source)s AND v.kind = 'customer_deleted' AND e.state <> 'done'
   AND is_farewell(e.operation, e.object) AND has_living(r.person, r.destination);

-- name: withdraw_farewells
-- Somebody has the contact by now.  What a call under way comes to is looked at when it has ended.
WITH back AS (
    UPDATE entry e SET state = 'done', next_at = NULL, waits_for = NULL, applied = e.wanted
      FROM recipient r
     WHERE r.recipient = e.recipient AND e.recipient = ANY (%(recipients)s) AND e.operation = 'fact'
       AND is_farewell(e.operation, e.object) AND e.state <> 'done'
       AND has_living(r.person, r.destination)
       AND NOT EXISTS (SELECT FROM intent i WHERE i.entry = e.entry)
    RETURNING e.entry, e.recipient, e.source, e.object, e.wanted, r.destination
), superseded AS (
    UPDATE dead_letter SET state = 'superseded', resolved_at = sync_now(), reason = 'somebody is back'
     WHERE entry IN (SELECT entry FROM back) AND state = 'open'
)
INSERT INTO outcome (destination, recipient, entry, operation, source, object, wanted, outcome, reason, config)
SELECT destination, recipient, entry, 'fact', source, object, wanted, 'skipped', 'shared', %(config)s FROM back;

-- name: refresh_recipients
SELECT refresh_recipients(%(recipients)s);
