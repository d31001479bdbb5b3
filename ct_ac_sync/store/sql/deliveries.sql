-- Deliveries: claim, intend, finish.  Each is one short transaction around one call.

-- name: lock_recipient
-- Due, free, not awaiting, its destination not halted, and nothing more urgent due there.
SELECT r.recipient, r.destination, r.lane, r.lease_token, r.lease_entry, r.lease_size
  FROM recipient r JOIN destination d USING (destination)
 WHERE r.recipient = %(recipient)s AND r.due_at <= sync_now() AND r.awaiting IS NULL
   AND (r.lease_until IS NULL OR r.lease_until <= sync_now())
   AND d.halted IS NULL AND d.destination = ANY (%(destinations)s)
   AND NOT EXISTS (
       SELECT FROM recipient u
        WHERE u.destination = r.destination AND u.lane < r.lane AND r.lane > 1
          AND u.due_at <= sync_now() AND u.awaiting IS NULL
          AND (u.lease_until IS NULL OR u.lease_until <= sync_now()))
   FOR UPDATE OF r SKIP LOCKED;

-- name: let_ring_again
-- A ring that came to nothing is not waited for, be it that it gave way to something more urgent,
-- or that its recipient is due later by now: it may be rung anew.
UPDATE recipient SET rung_until = NULL
 WHERE recipient = %(recipient)s AND rung_until IS NOT NULL
   AND awaiting IS NULL AND (lease_until IS NULL OR lease_until <= sync_now());

-- name: read_intents
SELECT i.*, r.destination FROM intent i JOIN recipient r USING (recipient)
 WHERE i.recipient = %(recipient)s;

-- name: count_crash
-- A claim that ended without a word: alone it counts towards poison, and goes by a single
-- call from then on; in company it makes the next company smaller.
UPDATE entry
   SET crashes = crashes + CASE WHEN %(size)s > 1 THEN 0 ELSE 1 END,
       batch_limit = greatest(1, %(size)s / 2)
 WHERE entry = %(entry)s
RETURNING crashes;

-- name: read_claimable
SELECT c.*, e.state FROM claimable c JOIN entry e USING (entry) WHERE c.entry = %(entry)s;

-- name: pick_entry
-- What is unclear is read back whatever else is owed; all the rest waits for its contact,
-- for a record that is about to become another person's, and facts for what comes before them.
SELECT c.* FROM claimable c JOIN entry e USING (entry)
 WHERE e.recipient = %(recipient)s AND e.state = 'open' AND e.next_at <= sync_now()
   AND (e.unclear IS NOT NULL
        OR (NOT is_blocked(e.recipient, e.rank) AND NOT is_moving(c.person)
            AND (e.operation <> 'fact'
                 OR (e.wanted <= coalesce((SELECT first_fact(%(recipient)s)), e.wanted)
                     AND NOT is_behind(e.entry)))))
   -- Nobody takes leave of a contact that somebody has by now; the entry is withdrawn soon.
   AND NOT (is_farewell(e.operation, e.object) AND EXISTS (
       SELECT FROM recipient r WHERE r.recipient = e.recipient AND has_living(r.person, r.destination)))
 ORDER BY e.unclear IS NULL, e.rank, e.wanted
 LIMIT 1;

-- name: lease_recipient
UPDATE recipient
   SET lease_token = %(token)s, lease_until = sync_now() + %(lease)s,
       lease_entry = %(entry)s, lease_size = 1
 WHERE recipient = %(recipient)s;

-- name: next_token
SELECT nextval('lease_token') AS token;

-- name: count_due
-- How much work of this kind is due in this lane, what the claim's own recipient is owed
-- included; counted no further than %(enough)s.
SELECT count(*) AS due FROM (
    SELECT 1 FROM recipient r
      JOIN entry e ON e.recipient = r.recipient AND e.operation = %(operation)s
       AND e.state = 'open' AND e.next_at <= sync_now()
     WHERE r.destination = %(destination)s AND r.lane = %(lane)s AND r.due_at <= sync_now()
       AND r.awaiting IS NULL
       AND (r.lease_until IS NULL OR r.lease_until <= sync_now() OR r.lease_token = %(token)s)
     LIMIT %(enough)s) AS found;

-- name: lease_neighbours
-- Recipients whose next step is the same kind of call; never one whose lease expired,
-- because what its last holder did must be looked into first.  A row that an accept holds
-- just now is waited for, rather than left out of a large call; all lock in this order.  Who
-- was put off for a while, and not because anything failed, comes along when a call goes out.
WITH found AS (
    SELECT r.recipient FROM recipient r
     WHERE r.destination = %(destination)s AND r.lane = %(lane)s AND r.due_at <= sync_now() + %(early)s
       AND r.lease_token IS NULL AND r.awaiting IS NULL
       AND EXISTS (
           SELECT FROM entry e
            WHERE e.recipient = r.recipient AND e.operation = %(operation)s
              AND e.state = 'open' AND e.unclear IS NULL
              AND e.next_at <= sync_now() + CASE e.attempts WHEN 0 THEN %(early)s ELSE interval '0' END
              AND e.fires = %(fires)s AND coalesce(e.batch_limit, %(limit)s) >= %(limit)s
              AND NOT is_blocked(e.recipient, e.rank)
              AND NOT EXISTS (SELECT FROM entry u
                               WHERE u.recipient = e.recipient AND u.rank < e.rank
                                 AND u.state = 'open' AND u.next_at <= sync_now()))
     ORDER BY r.due_at
     LIMIT %(more)s
), free AS (
    SELECT r.recipient FROM recipient r JOIN found USING (recipient)
     WHERE r.lease_token IS NULL AND r.awaiting IS NULL AND r.due_at <= sync_now() + %(early)s
     ORDER BY r.recipient
       FOR UPDATE OF r
)
UPDATE recipient r
   SET lease_token = %(token)s, lease_until = sync_now() + %(lease)s
  FROM free WHERE r.recipient = free.recipient
RETURNING r.recipient;

-- name: pick_neighbours
-- Asked once the rows are ours: what an accept raised meanwhile is seen here.
SELECT c.* FROM claimable c JOIN entry e USING (entry) JOIN recipient r ON r.recipient = e.recipient
 WHERE r.lease_token = %(token)s AND e.recipient = ANY (%(recipients)s)
   AND e.entry <> ALL (%(entries)s) AND e.operation = %(operation)s
   AND e.state = 'open' AND e.unclear IS NULL
   AND e.next_at <= sync_now() + CASE e.attempts WHEN 0 THEN %(early)s ELSE interval '0' END
   AND e.fires = %(fires)s AND coalesce(e.batch_limit, %(limit)s) >= %(limit)s
   AND NOT is_blocked(e.recipient, e.rank) AND NOT is_moving(r.person)
 ORDER BY e.wanted
 LIMIT %(more)s;

-- name: size_leases
UPDATE recipient r SET lease_size = %(size)s, lease_entry = n.entry
  FROM unnest(%(recipients)s::bigint[], %(entries)s::bigint[]) AS n (recipient, entry)
 WHERE r.recipient = n.recipient AND r.lease_token = %(token)s;

-- name: release_recipients
-- Never over an intent without an end, unless it is awaited: that is for a takeover.
UPDATE recipient r
   SET lease_token = NULL, lease_until = NULL, lease_entry = NULL, lease_size = NULL,
       rung_until = NULL
 WHERE r.recipient = ANY (%(recipients)s) AND r.lease_token = %(token)s
   AND (r.awaiting IS NOT NULL
        OR NOT EXISTS (SELECT FROM intent i WHERE i.recipient = r.recipient AND i.token = %(token)s));

-- name: leased_under
SELECT recipient FROM recipient WHERE lease_token = %(token)s;

-- name: read_person_records
-- All customers of each person, or the newest order of one that has none, or else its newest
-- cart: one that goes to this destination rather than one that does not.  Who is gone is none.
SELECT person, source, stream, id, version, body,
       goes_to(destinations, %(moved)s -> (source || '/' || stream || '/' || id), %(destination)s) AS is_here
  FROM record
 WHERE person = ANY (%(persons)s) AND stream = 'customers' AND gone_at IS NULL
UNION ALL
SELECT * FROM (
    SELECT DISTINCT ON (o.person) o.person, o.source, o.stream, o.id, o.version, o.body,
           goes_to(o.destinations, %(moved)s -> (o.source || '/' || o.stream || '/' || o.id),
                   %(destination)s) AS is_here
      FROM record o
     WHERE o.person = ANY (%(persons)s) AND o.stream IN ('orders', 'carts')
       AND NOT EXISTS (SELECT FROM record c
                        WHERE c.person = o.person AND c.stream = 'customers' AND c.gone_at IS NULL)
       AND NOT is_over(o.source, o.stream, o.customer_id, o.address, o.created_at, o.gone_at)
     ORDER BY o.person, o.stream DESC, is_here DESC, o.last_modified_at DESC, o.id) AS guests;

-- name: read_orders
-- One that is gone is there where it is to be cancelled, and its customer is not gone as well.
SELECT r.person, r.source, r.stream, r.id, r.version, r.body, true AS is_here, t.id IS NOT NULL AS is_gone
  FROM unnest(%(sources)s::text[], %(orders)s::text[]) AS n (source, id)
  JOIN record r ON r.source = n.source AND r.stream = 'orders' AND r.id = n.id
  LEFT JOIN tombstone t ON t.source = r.source AND t.stream = 'orders' AND t.id = r.id AND t.is_cancelled
 WHERE NOT is_over(r.source, r.stream, r.customer_id, r.address, r.created_at,
                   CASE WHEN t.id IS NULL THEN r.gone_at END);

-- name: read_order_facts
-- Of each order no more than sums are made of: a person may have very many.
SELECT person, jsonb_build_object(
           'id', id, 'createdAt', body -> 'createdAt', 'orderState', body -> 'orderState',
           'totalPrice', body -> 'totalPrice',
           'taxedPrice', jsonb_build_object(
               'totalGross', body #> '{taxedPrice,totalGross}', 'totalNet', body #> '{taxedPrice,totalNet}',
               'totalTax', body #> '{taxedPrice,totalTax}'),
           'paymentInfo', jsonb_build_object('payments', jsonb_build_array(jsonb_build_object(
               'obj', jsonb_build_object('transactions',
                   jsonb_path_query_array(body, 'lax $.paymentInfo.payments[*].obj.transactions[*]')))))
       ) AS body
  FROM record
 WHERE person = ANY (%(persons)s) AND stream = 'orders'
   AND goes_to(destinations, %(moved)s -> (source || '/' || stream || '/' || id), %(destination)s)
   AND NOT is_over(source, stream, customer_id, address, created_at, gone_at)
 ORDER BY person, id;

-- name: read_last_orders
SELECT DISTINCT ON (person) person, body FROM record
 WHERE person = ANY (%(persons)s) AND stream = 'orders'
   AND goes_to(destinations, %(moved)s -> (source || '/' || stream || '/' || id), %(destination)s)
   AND NOT is_over(source, stream, customer_id, address, created_at, gone_at)
 ORDER BY person, created_at DESC, id;

-- name: drop_idle_holds
-- Somebody who meant to have an address, and never sent it, does not keep others from it.
DELETE FROM held_address h
 USING unnest(%(addresses)s::text[], %(recipients)s::bigint[]) AS n (address, recipient), recipient r
 WHERE h.destination = %(destination)s AND h.address = n.address AND h.recipient <> n.recipient
   AND r.recipient = h.recipient AND NOT h.is_sent AND r.address IS DISTINCT FROM h.address
   AND (r.lease_until IS NULL OR r.lease_until <= sync_now());

-- name: hold_addresses
INSERT INTO held_address (destination, address, recipient)
SELECT %(destination)s, n.address, n.recipient
  FROM unnest(%(addresses)s::text[], %(recipients)s::bigint[]) AS n (address, recipient)
 ORDER BY n.address
ON CONFLICT DO NOTHING;

-- name: read_conflicts
SELECT n.recipient
  FROM unnest(%(addresses)s::text[], %(recipients)s::bigint[]) AS n (address, recipient)
  JOIN held_address h ON h.destination = %(destination)s AND h.address = n.address
 WHERE h.recipient <> n.recipient;

-- name: find_round
-- Who holds the address, waits for what the next one holds, and so on, back to the asker.
WITH RECURSIVE chain AS (
    SELECT h.recipient, 1 AS depth FROM held_address h
     WHERE h.destination = %(destination)s AND h.address = %(address)s
    UNION ALL
    SELECT n.recipient, c.depth + 1
      FROM chain c
      JOIN recipient r ON r.recipient = c.recipient
      JOIN identifier i ON i.kind = 'address' AND i.person = r.person
      JOIN held_address n ON n.destination = r.destination AND n.address = i.value
     WHERE n.recipient <> c.recipient AND c.recipient <> %(recipient)s AND c.depth < 50
)
SELECT c.recipient AS holder FROM chain c
 WHERE c.depth = 1 AND c.recipient <> %(recipient)s
   AND EXISTS (SELECT FROM chain e WHERE e.recipient = %(recipient)s);

-- name: lock_round
SELECT r.recipient, r.contact, r.address FROM recipient r
 WHERE r.address IS NOT NULL
   AND ((r.recipient = %(recipient)s AND r.lease_token = %(token)s)
        OR (r.recipient = %(holder)s AND r.address = %(address)s
            AND r.lease_token IS NULL AND r.awaiting IS NULL
            AND NOT EXISTS (SELECT FROM intent i WHERE i.recipient = r.recipient)
            AND NOT EXISTS (SELECT FROM entry e WHERE e.recipient = r.recipient AND e.unclear IS NOT NULL)))
 ORDER BY r.recipient FOR UPDATE;

-- name: unlink_round
UPDATE recipient SET contact = NULL WHERE recipient IN (%(recipient)s, %(holder)s);

-- name: take_place
WITH forgotten AS (
    UPDATE entry SET fingerprint = NULL WHERE recipient = %(recipient)s AND operation = 'upsert_contact'
)
UPDATE recipient SET contact = %(contact)s, address = %(address)s WHERE recipient = %(recipient)s;

-- name: take_hold
UPDATE held_address SET recipient = %(recipient)s, is_sent = true
 WHERE destination = %(destination)s AND address = %(address)s;

-- name: count_imports
-- Imports under way: intended, or accepted and not yet applied.
SELECT count(DISTINCT i.attempt) AS outstanding
  FROM intent i JOIN recipient r USING (recipient)
 WHERE i.kind = 'import_contacts' AND r.destination = %(destination)s;

-- name: lock_destination
SELECT destination FROM destination WHERE destination = %(destination)s FOR UPDATE;

-- name: guard_leases
-- The lease is still ours and long enough for the call, and nothing came meanwhile that
-- must go first; or nothing is sent.
SELECT recipient FROM recipient
 WHERE recipient = ANY (%(recipients)s) AND lease_token = %(token)s
   AND lease_until >= sync_now() + %(need)s
   AND NOT is_blocked(recipient, %(rank)s::smallint) AND NOT is_moving(person)
 ORDER BY recipient FOR UPDATE;

-- name: mark_holds_sent
UPDATE held_address h SET is_sent = true
  FROM unnest(%(recipient)s::bigint[], %(address)s::text[]) AS n (recipient, address)
 WHERE h.destination = %(destination)s AND h.address = n.address AND h.recipient = n.recipient
   AND NOT h.is_sent;

-- name: note_attempt
INSERT INTO attempt (attempt, destination, token, kind, request, members)
VALUES (nextval('attempt_sequence'), %(destination)s, %(token)s, %(kind)s, %(request)s, %(members)s)
RETURNING attempt;

-- name: note_intents
INSERT INTO intent (attempt, entry, recipient, token, kind, position, wanted, fingerprint,
                    carried, version, address, fires)
SELECT %(attempt)s, n.entry, n.recipient, %(token)s, %(kind)s, n.position, n.wanted,
       n.fingerprint, n.carried, n.version, n.address, n.fires
  FROM unnest(%(entry)s::bigint[], %(recipient)s::bigint[], %(position)s::int[],
              %(wanted)s::bigint[], %(fingerprint)s::text[], %(carried)s::bigint[],
              %(version)s::bigint[], %(address)s::text[], %(fires)s::text[])
       AS n (entry, recipient, position, wanted, fingerprint, carried, version, address, fires);

-- name: intend_triggers
-- A key that is there already may not start anything again: it does not come back.
INSERT INTO trigger_ledger (destination, kind, business_key, state, attempt, entry)
SELECT %(destination)s, n.trigger, n.key, 'intended', %(attempt)s, n.entry
  FROM unnest(%(triggers)s::text[], %(keys)s::text[], %(entries)s::bigint[]) AS n (trigger, key, entry)
 ORDER BY n.trigger, n.key
ON CONFLICT DO NOTHING
RETURNING business_key;

-- name: owned_recipients
SELECT recipient FROM recipient
 WHERE recipient = ANY (%(recipients)s) AND lease_token = %(token)s
 ORDER BY recipient FOR UPDATE;

-- name: change_entries
-- What was wanted at claim is settled, dead, or due again; what came meanwhile stays due.
UPDATE entry e
   SET applied     = CASE WHEN n.is_settled THEN greatest(e.applied, n.target) ELSE e.applied END,
       sent        = greatest(e.sent, n.sent),
       attempts    = n.attempts,
       crashes     = CASE WHEN n.is_settled THEN 0 ELSE e.crashes END,
       fingerprint = n.fingerprint,
       unclear     = n.unclear,
       readbacks   = n.readbacks,
       batch_limit = CASE WHEN n.is_settled THEN NULL ELSE n.batch_limit END,
       fires       = coalesce(n.fires, e.fires),
       repair_at   = CASE WHEN n.forgets THEN sync_now() + %(repair)s
                          WHEN n.is_settled AND e.repair_at <= n.made_at THEN NULL
                          ELSE e.repair_at END,
       state       = CASE WHEN e.wanted > n.target THEN 'open'
                          WHEN n.is_dead THEN 'dead'
                          WHEN n.is_settled AND NOT coalesce(e.repair_at > n.made_at, false) THEN 'done'
                          ELSE 'open' END,
       next_at     = CASE WHEN e.wanted > n.target AND n.unclear IS NULL AND n.attempts = 0 THEN sync_now()
                          WHEN e.wanted > n.target THEN sync_now() + n.delay
                          WHEN n.is_dead THEN NULL
                          WHEN n.is_settled AND e.repair_at > n.made_at THEN e.repair_at
                          WHEN n.is_settled THEN NULL
                          ELSE sync_now() + n.delay END
  FROM unnest(%(entry)s::bigint[], %(target)s::bigint[], %(sent)s::bigint[],
              %(is_settled)s::boolean[], %(is_dead)s::boolean[], %(delay)s::interval[],
              %(attempts)s::int[], %(fingerprint)s::text[], %(forgets)s::boolean[],
              %(unclear)s::bigint[], %(readbacks)s::smallint[], %(batch_limit)s::int[],
              %(fires)s::boolean[], %(made_at)s::timestamptz[])
       AS n (entry, target, sent, is_settled, is_dead, delay, attempts, fingerprint, forgets,
             unclear, readbacks, batch_limit, fires, made_at)
 WHERE e.entry = n.entry AND e.state <> 'waiting';

-- name: keep_details
UPDATE entry e SET detail = nullif(n.detail, '')
  FROM unnest(%(entries)s::bigint[], %(details)s::text[]) AS n (entry, detail)
 WHERE e.entry = n.entry AND e.detail IS DISTINCT FROM nullif(n.detail, '');

-- name: raise_overtaken_profiles
-- An order call carries contact values: if the profile it carried is not the newest
-- applied one, the profile is sent again.
UPDATE entry p
   SET fingerprint = NULL, repair_at = sync_now(), state = 'open',
       next_at = CASE p.state WHEN 'done' THEN sync_now() ELSE p.next_at END
  FROM unnest(%(recipients)s::bigint[], %(carried)s::bigint[]) AS n (recipient, carried)
 WHERE p.recipient = n.recipient AND p.operation = 'upsert_contact'
   AND p.applied > n.carried AND p.state IN ('done', 'open');

-- name: write_standing
-- What the answer proved of the recipient there.
UPDATE recipient r
   SET contact = coalesce(n.contact, r.contact), address = coalesce(n.address, r.address)
  FROM unnest(%(recipient)s::bigint[], %(contact)s::text[], %(address)s::text[])
       AS n (recipient, contact, address)
 WHERE r.recipient = n.recipient;

-- name: release_addresses
-- A settled rename lets go of the old address, so that somebody else may have it.
DELETE FROM held_address h
 USING unnest(%(recipient)s::bigint[], %(address)s::text[]) AS n (recipient, address)
 WHERE h.recipient = n.recipient AND h.address <> n.address AND n.address IS NOT NULL;

-- name: forget_contact
UPDATE recipient SET contact = NULL WHERE recipient = %(recipient)s AND lease_token = %(token)s;

-- name: forget_other_contact
-- A contact id belongs to one recipient; the one that just proved it has it.  Whoever had it
-- before finds another, or has one made.
WITH other AS (
    UPDATE recipient SET contact = NULL
     WHERE destination = %(destination)s AND contact = ANY (%(contacts)s)
       AND recipient <> ALL (%(recipients)s)
    RETURNING recipient
)
UPDATE entry e SET fingerprint = NULL,
                   state   = CASE e.state WHEN 'done' THEN 'open' ELSE e.state END,
                   next_at = CASE e.state WHEN 'done' THEN sync_now() ELSE e.next_at END
  FROM other WHERE e.recipient = other.recipient AND e.operation = 'upsert_contact'
RETURNING e.recipient;

-- name: raise_customer_rename
-- The e-commerce customer follows the contact to its new address, if orders were sent.
INSERT INTO entry AS held (recipient, operation, object, rank, wanted, lane, next_at, detail, config)
SELECT %(recipient)s, 'rename_customer', '', 3, nextval('wanted_sequence'), 1, sync_now(),
       %(former)s, %(config)s
 WHERE EXISTS (SELECT FROM entry e WHERE e.recipient = %(recipient)s
                  AND e.operation = 'upsert_order' AND e.sent + e.applied > 0)
ON CONFLICT (recipient, operation, object) DO UPDATE
   SET wanted = excluded.wanted, next_at = excluded.next_at, state = 'open',
       detail = CASE held.state WHEN 'done' THEN excluded.detail
                                ELSE held.detail || ' ' || excluded.detail END;

-- name: read_external_ids
-- What our orders named the e-commerce customers of a person: customers, or guests' addresses.
SELECT id FROM record WHERE person = %(person)s AND stream = 'customers';

-- name: end_intents
DELETE FROM intent WHERE attempt = %(attempt)s AND entry = ANY (%(entries)s);

-- name: settle_triggers
-- Evidence may come late and still counts: what happened, happened.
UPDATE trigger_ledger t
   SET state = n.state, settled_at = sync_now()
  FROM unnest(%(triggers)s::text[], %(keys)s::text[], %(states)s::text[]) AS n (trigger, key, state)
 WHERE t.destination = %(destination)s AND t.kind = n.trigger AND t.business_key = n.key
   AND (t.state = 'intended' OR (t.state = 'parked' AND n.state = 'happened'));

-- name: withdraw_triggers
-- The call certainly had no effect: the key is free again.
DELETE FROM trigger_ledger t
 USING unnest(%(triggers)s::text[], %(keys)s::text[]) AS n (trigger, key)
 WHERE t.destination = %(destination)s AND t.kind = n.trigger AND t.business_key = n.key
   AND t.state = 'intended' AND t.attempt = %(attempt)s;

-- name: note_historical
-- Not of an order that a human has meanwhile said shall start its automations after all.
INSERT INTO trigger_ledger (destination, kind, business_key, state, settled_at)
SELECT %(destination)s, 'order_placed', e.source || '/' || e.object, 'historical', sync_now()
  FROM entry e WHERE e.entry = ANY (%(entries)s) AND NOT e.fires
 ORDER BY 3
ON CONFLICT DO NOTHING;

-- name: bury
INSERT INTO dead_letter (destination, entry, source, object, version, operation, lane, cause,
                         message, request, answer, attempts, config)
VALUES (%(destination)s, %(entry)s, %(source)s, %(object)s, %(version)s, %(operation)s, %(lane)s,
        %(cause)s, %(message)s, %(request)s, %(answer)s, %(attempts)s, %(config)s)
ON CONFLICT (entry) WHERE state = 'open' AND entry IS NOT NULL
DO UPDATE SET cause = excluded.cause, message = excluded.message, died_at = excluded.died_at
RETURNING dead_letter;

-- name: discard_unborn_letters
-- A letter whose entry went on, because something newer was wanted by then.
UPDATE dead_letter d
   SET state = 'superseded', resolved_at = sync_now(), reason = 'a newer version is wanted'
  FROM entry e
 WHERE d.entry = e.entry AND d.state = 'open' AND e.state <> 'dead'
   AND d.entry = ANY (%(entries)s)
RETURNING d.dead_letter;

-- name: note_outcomes
INSERT INTO outcome (destination, recipient, entry, operation, source, object, version, wanted,
                     attempt, outcome, reason, answer, config)
SELECT %(destination)s, n.recipient, n.entry, n.operation, n.source, n.object, n.version,
       n.wanted, %(attempt)s, n.outcome, n.reason, n.answer, %(config)s
  FROM unnest(%(recipient)s::bigint[], %(entry)s::bigint[], %(operation)s::text[],
              %(source)s::text[], %(object)s::text[], %(version)s::bigint[],
              %(wanted)s::bigint[], %(outcome)s::text[], %(reason)s::text[], %(answer)s::text[])
       AS n (recipient, entry, operation, source, object, version, wanted, outcome, reason, answer);

-- name: repair_late
-- A holder that comes back after its lease may have overwritten something newer.
UPDATE entry
   SET fingerprint = NULL, state = 'open', waits_for = NULL,
       repair_at = greatest(repair_at, sync_now() + %(repair)s),
       next_at = least(next_at, sync_now() + %(repair)s)
 WHERE entry = ANY (%(entries)s) AND state IN ('open', 'done');

-- name: await_answer
INSERT INTO awaiting (destination, attempt, remote, check_at, deadline)
VALUES (%(destination)s, %(attempt)s, %(remote)s, sync_now() + %(first)s, sync_now() + %(deadline)s)
ON CONFLICT (attempt) DO UPDATE SET remote = coalesce(awaiting.remote, excluded.remote)
RETURNING awaiting;

-- name: set_awaiting
UPDATE recipient SET awaiting = %(awaiting)s WHERE recipient = ANY (%(recipients)s);

-- name: take_awaiting
-- Takes what is to be looked at now; its next look is put off, so that one looks at a time.
UPDATE awaiting a SET check_at = sync_now() + %(lease)s
 WHERE a.awaiting IN (SELECT awaiting FROM awaiting JOIN destination USING (destination)
                       WHERE check_at <= sync_now() AND halted IS NULL
                         AND destination = ANY (%(destinations)s)
                       ORDER BY check_at LIMIT 4 FOR UPDATE OF awaiting SKIP LOCKED)
RETURNING a.awaiting, a.destination, a.attempt, a.remote, sync_now() - a.accepted_at AS waited,
          a.deadline <= sync_now() AS is_over, a.overdue IS NOT NULL AS is_overdue;

-- name: let_go_on
-- Its people go on without it; whatever it does at last is repaired then.
UPDATE awaiting SET overdue = (SELECT array_agg(i.entry) FROM intent i WHERE i.attempt = %(attempt)s)
 WHERE awaiting = %(awaiting)s;

-- name: repair_overdue
UPDATE entry e
   SET fingerprint = NULL, state = 'open', waits_for = NULL, repair_at = sync_now(),
       next_at = least(e.next_at, sync_now())
  FROM awaiting a
 WHERE a.awaiting = %(awaiting)s AND e.state IN ('open', 'done')
   AND (e.entry = ANY (a.overdue)
        OR (e.operation = 'sync_tags'       -- it may have added what is not wanted any more
            AND e.recipient IN (SELECT recipient FROM entry WHERE entry = ANY (a.overdue))))
RETURNING e.recipient;

-- name: look_again
UPDATE awaiting SET check_at = sync_now() + %(delay)s WHERE awaiting = %(awaiting)s;

-- name: lock_awaiting
SELECT awaiting FROM awaiting WHERE awaiting = %(awaiting)s FOR UPDATE;

-- name: read_awaited
SELECT c.*, i.wanted AS intended, i.fingerprint AS carried_fingerprint, i.address AS carried_address,
       i.version, i.made_at
  FROM intent i JOIN claimable c USING (entry) JOIN recipient r ON r.recipient = i.recipient
 WHERE i.attempt = %(attempt)s
 ORDER BY i.recipient FOR UPDATE OF r;

-- name: end_awaiting
UPDATE recipient SET awaiting = NULL WHERE awaiting = %(awaiting)s;

-- name: drop_awaiting
DELETE FROM awaiting WHERE awaiting = %(awaiting)s;

-- name: note_unlinked
-- Contacts an import told us the ids of, but not whose they are.
INSERT INTO unlinked_contact (destination, contact)
SELECT %(destination)s, n.contact FROM unnest(%(contacts)s::text[]) AS n (contact)
 WHERE NOT EXISTS (SELECT FROM recipient r
                    WHERE r.destination = %(destination)s AND r.contact = n.contact)
 ORDER BY n.contact
ON CONFLICT DO NOTHING;

-- name: take_unlinked
-- Read only while nothing is due: a link spares nothing today that could not wait.
UPDATE unlinked_contact u SET take_at = sync_now() + %(lease)s
  FROM (SELECT destination, contact FROM unlinked_contact
         WHERE destination = %(destination)s AND take_at <= sync_now()
           AND NOT EXISTS (SELECT FROM recipient r
                            WHERE r.destination = %(destination)s AND r.due_at <= sync_now()
                              AND r.awaiting IS NULL)
         ORDER BY contact LIMIT %(limit)s FOR UPDATE SKIP LOCKED) AS taken
 WHERE u.destination = taken.destination AND u.contact = taken.contact
RETURNING u.contact;

-- name: link_contacts
UPDATE recipient r SET contact = n.contact
  FROM unnest(%(contacts)s::text[], %(addresses)s::text[]) AS n (contact, address)
 WHERE r.destination = %(destination)s AND r.address = n.address AND r.contact IS NULL
   AND NOT EXISTS (SELECT FROM recipient o
                    WHERE o.destination = r.destination AND o.contact = n.contact);

-- name: drop_unlinked
DELETE FROM unlinked_contact WHERE destination = %(destination)s AND contact = ANY (%(ids)s);

-- name: take_due
-- What is due and not rung, the most urgent lane of each destination only, and no more
-- rings out than the budget serves in some seconds.  A backfill needs few: each takes all
-- its neighbours along, and the more hands there are, the less each of them carries.  While
-- no import may be sent, its contacts stay together until one may, but for those whose holder
-- died: their import may be one of those that are waited for.
WITH urgent AS (
    SELECT d.destination,
           (SELECT r.lane FROM recipient r
             WHERE r.destination = d.destination AND r.due_at <= sync_now()
               AND r.awaiting IS NULL AND (r.lease_until IS NULL OR r.lease_until <= sync_now())
             ORDER BY r.lane LIMIT 1) AS lane,
           %(window)s - (SELECT count(*) FROM recipient r
                          WHERE r.destination = d.destination AND r.rung_until > sync_now()) AS room,
           %(imports)s <= (SELECT count(DISTINCT i.attempt) FROM intent i JOIN recipient r USING (recipient)
                            WHERE i.kind = 'import_contacts' AND r.destination = d.destination) AS is_full
      FROM destination d WHERE d.halted IS NULL AND d.destination = ANY (%(destinations)s)
), due AS (
    SELECT x.recipient
      FROM urgent u
      CROSS JOIN LATERAL (
          SELECT r.recipient FROM recipient r
           WHERE r.destination = u.destination AND r.lane <= greatest(u.lane, 1::smallint)
             AND r.due_at <= sync_now() AND r.awaiting IS NULL
             AND (r.lease_until IS NULL OR r.lease_until <= sync_now())
             AND (r.rung_until IS NULL OR r.rung_until <= sync_now())
             AND NOT (u.is_full AND r.lane = 3 AND r.lease_token IS NULL AND EXISTS (
                 SELECT FROM entry e
                  WHERE e.recipient = r.recipient AND e.operation = 'upsert_contact'
                    AND e.state = 'open' AND e.next_at <= sync_now()))
           ORDER BY r.lane, r.due_at
           LIMIT greatest(CASE WHEN u.lane = 3 THEN u.room - %(window)s + %(imports)s ELSE u.room END, 0)
             FOR UPDATE OF r SKIP LOCKED) AS x
)
UPDATE recipient r SET rung_until = sync_now() + %(rung)s
  FROM due WHERE r.recipient = due.recipient
RETURNING r.recipient, r.lane;

-- name: unring
-- The broker did not take these rings: they are rung again at the next tick.
UPDATE recipient SET rung_until = NULL WHERE recipient = ANY (%(recipients)s);

-- name: refresh_recipients
SELECT refresh_recipients(%(recipients)s);

-- name: adopt_contact
UPDATE recipient SET contact = %(contact)s, address = %(address)s
 WHERE recipient = %(recipient)s AND lease_token = %(token)s
RETURNING destination;

-- name: count_entered
-- Entries into an automation that we know to be ours, since then: proven by an answer, or found.
SELECT count(*) AS entered FROM (
    SELECT DISTINCT a.attempt FROM outcome o JOIN attempt a ON a.attempt = o.attempt
     WHERE o.recipient = %(recipient)s AND o.at >= %(since)s AND o.outcome IN ('applied', 'late_applied')
       AND a.kind = 'enter_automation'
       AND a.request #>> '{body,contactAutomation,automation}' = %(automation)s
    UNION ALL
    SELECT o.entry FROM outcome o
     WHERE o.recipient = %(recipient)s AND o.at >= %(since)s AND o.outcome = 'found'
       AND o.operation = 'fact' AND trigger_of(o.operation, o.object) LIKE '%%.automation'
) AS ours;

-- name: attempted_at
SELECT at FROM attempt WHERE attempt = %(attempt)s;

-- name: stop_firing
-- Their triggers are in the ledger already: they go out as historical.
UPDATE entry e SET fires = false
 WHERE e.entry = ANY (%(entries)s)
   AND EXISTS (SELECT FROM trigger_ledger t
                WHERE t.destination = %(destination)s AND t.kind = trigger_of(e.operation, e.object)
                  AND t.business_key = business_key_of(e.operation, e.source, e.object));

-- name: quiet_orders
WITH quiet AS (
    UPDATE entry SET fires = false
     WHERE entry = ANY (%(entries)s) AND operation = 'upsert_order' AND fires
    RETURNING recipient, source, object
)
INSERT INTO trigger_ledger (destination, kind, business_key, state, settled_at)
SELECT r.destination, 'order_placed', q.source || '/' || q.object, 'historical', sync_now()
  FROM quiet q JOIN recipient r USING (recipient)
 ORDER BY 1, 3
ON CONFLICT DO NOTHING;

-- name: is_owing
SELECT EXISTS (SELECT FROM recipient
                WHERE destination = ANY (%(destinations)s)
                  AND (due_at IS NOT NULL OR awaiting IS NOT NULL)) AS is_owing;

-- name: keep_tag
INSERT INTO recipient_tag (recipient, name, link) VALUES (%(recipient)s, %(tag)s, %(link)s)
ON CONFLICT (recipient, name) DO UPDATE SET link = excluded.link;

-- name: drop_tag
DELETE FROM recipient_tag WHERE recipient = %(recipient)s AND name = %(tag)s;

-- name: believe_tags
INSERT INTO recipient_tag (recipient, name, attempt)
SELECT n.recipient, n.name, %(attempt)s
  FROM unnest(%(recipients)s::bigint[], %(names)s::text[]) AS n (recipient, name) ORDER BY 1, 2
ON CONFLICT DO NOTHING;

-- name: drop_believed_tags
-- Of an import that did not end well; what an earlier one added is there all the same.
DELETE FROM recipient_tag
 WHERE recipient = ANY (%(recipients)s) AND link IS NULL AND attempt = %(attempt)s;

-- name: want_contact_again
UPDATE entry SET fingerprint = NULL, wanted = nextval('wanted_sequence'),
                 state = CASE state WHEN 'done' THEN 'open' ELSE state END,
                 next_at = CASE state WHEN 'done' THEN sync_now() ELSE next_at END
 WHERE recipient = %(recipient)s AND operation = 'upsert_contact';

-- name: page_entries
-- State entries at a destination, a page at a time: to be mapped for a look, and not to be sent.
SELECT c.* FROM claimable c JOIN recipient r USING (recipient)
 WHERE r.destination = %(destination)s AND c.entry > %(after)s
   AND c.operation IN ('upsert_contact', 'sync_tags', 'upsert_order')
 ORDER BY c.entry LIMIT %(limit)s;

-- name: read_begun
-- What there is of persons at a destination.
SELECT r.person, r.recipient, e.operation, e.object
  FROM recipient r JOIN entry e USING (recipient)
 WHERE r.destination = %(destination)s AND r.person = ANY (%(persons)s);
