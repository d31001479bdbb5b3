-- The desk: dead letters and parked triggers, for humans.

-- name: list_dead_letters
SELECT dead_letter, destination, entry, source, stream, object, version, operation, lane, cause,
       message, attempts, state, died_at, config,
       CASE WHEN d.object <> '' THEN ARRAY[d.object]
            ELSE ARRAY(SELECT k.id FROM entry e JOIN recipient r USING (recipient)
                         JOIN record k ON k.person = r.person
                        WHERE e.entry = d.entry ORDER BY k.stream, k.id LIMIT 20) END AS records
  FROM dead_letter d
 WHERE state = 'open' AND (%(cause)s::text IS NULL OR cause = %(cause)s)
 ORDER BY died_at, dead_letter LIMIT %(limit)s;

-- name: group_dead_letters
SELECT cause, count(*) AS letters, min(died_at) AS oldest, max(died_at) AS newest,
       min(dead_letter) AS example
  FROM dead_letter WHERE state = 'open' GROUP BY cause ORDER BY letters DESC, cause;

-- name: show_dead_letter
SELECT * FROM dead_letter WHERE dead_letter = %(dead_letter)s;

-- name: list_waiting
SELECT e.entry, e.operation, e.object FROM entry e WHERE e.waits_for = %(entry)s ORDER BY e.wanted;

-- name: still_open
SELECT dead_letter FROM dead_letter WHERE dead_letter = ANY (%(letters)s) AND state = 'open'
 ORDER BY dead_letter;

-- name: count_by_lane
SELECT lane, count(*) AS letters, sum(dead_letter) AS numbers
  FROM dead_letter WHERE state = 'open' GROUP BY lane;

-- name: numbers_by_lane
SELECT lane, array_agg(dead_letter ORDER BY dead_letter) AS numbers
  FROM dead_letter WHERE state = 'open' GROUP BY lane;

-- name: list_behind_discarded
-- What waits behind a contact that was given up.  No letter is open for it, so it is shown
-- here until something newer is wanted; its own letter may be too old to be kept.
SELECT e.entry, count(*) AS waiting, min(w.wanted) AS wanted, d.dead_letter, d.cause, d.resolved_at,
       d.actor, d.reason
  FROM entry w
  JOIN entry e ON e.entry = w.waits_for AND e.state = 'dead'
  LEFT JOIN LATERAL (SELECT * FROM dead_letter n
                      WHERE n.entry = e.entry ORDER BY n.dead_letter DESC LIMIT 1) AS d ON true
 WHERE NOT EXISTS (SELECT FROM dead_letter o WHERE o.entry = e.entry AND o.state = 'open')
 GROUP BY e.entry, d.dead_letter, d.cause, d.resolved_at, d.actor, d.reason
 ORDER BY min(w.wanted) LIMIT 100;

-- name: letter_records
-- The records a letter is about: its own, or those of its person where it is of a contact.
WITH letter AS (SELECT * FROM dead_letter WHERE dead_letter = %(dead_letter)s)
SELECT k.source, k.stream, k.id, k.version, k.last_modified_at, k.is_historical, k.seen_at
  FROM letter d
  JOIN record k ON k.source = d.source AND k.id = d.object
   AND k.stream = coalesce(d.stream, CASE d.operation WHEN 'write_back' THEN 'customers' ELSE 'orders' END)
UNION ALL
(SELECT k.source, k.stream, k.id, k.version, k.last_modified_at, k.is_historical, k.seen_at
   FROM letter d JOIN entry e USING (entry) JOIN recipient r USING (recipient)
   JOIN record k ON k.person = r.person
  WHERE d.object = '' ORDER BY k.stream, k.id LIMIT 20);

-- name: letter_sightings
WITH letter AS (SELECT * FROM dead_letter WHERE dead_letter = %(dead_letter)s), about AS (
    SELECT source, coalesce(stream, CASE operation WHEN 'write_back' THEN 'customers' ELSE 'orders' END) AS stream,
           object AS id
      FROM letter WHERE object <> ''
    UNION ALL
    SELECT k.source, k.stream, k.id
      FROM letter d JOIN entry e USING (entry) JOIN recipient r USING (recipient)
      JOIN record k ON k.person = r.person AND k.stream = 'customers'
     WHERE d.object = ''
)
SELECT s.at, s.stream, s.id, s.version, s.epoch FROM about JOIN sighting s USING (source, stream, id)
 ORDER BY s.at DESC LIMIT 50;

-- name: letter_entries
SELECT e.entry, e.operation, e.object, e.state, e.wanted, e.sent, e.applied, e.attempts, e.next_at,
       e.recipient, r.contact
  FROM dead_letter d JOIN entry e ON e.entry = d.entry JOIN recipient r USING (recipient)
 WHERE d.dead_letter = %(dead_letter)s;

-- name: letter_outcomes
SELECT o.at, o.outcome, o.reason, o.version, o.wanted, o.attempt, o.answer, a.kind, a.members
  FROM dead_letter d
  JOIN entry e ON e.entry = d.entry
  JOIN outcome o ON o.recipient = e.recipient AND o.entry = e.entry
  LEFT JOIN attempt a ON a.attempt = o.attempt
 WHERE d.dead_letter = %(dead_letter)s ORDER BY o.at DESC LIMIT 50;

-- name: letter_triggers
SELECT t.kind, t.business_key, t.state, t.noted_at, t.settled_at, t.reason
  FROM dead_letter d
  JOIN trigger_ledger t ON t.destination = d.destination AND t.kind = trigger_of(d.operation, d.object)
   AND t.business_key = business_key_of(d.operation, d.source, d.object)
 WHERE d.dead_letter = %(dead_letter)s AND d.object <> '' ORDER BY t.kind;

-- name: lock_letters
-- In the order in which accept and finish lock, so that none waits for the other in a ring.
SELECT r.recipient FROM dead_letter d JOIN entry e USING (entry) JOIN recipient r USING (recipient)
 WHERE d.dead_letter = ANY (%(letters)s) AND d.state = 'open'
 ORDER BY r.recipient FOR UPDATE OF r;

-- name: discard
-- Compare-and-set, as in a replay.
UPDATE dead_letter
   SET state = 'discarded', actor = %(actor)s, reason = %(reason)s, resolved_at = sync_now()
 WHERE dead_letter = ANY (%(letters)s) AND state = 'open'
RETURNING dead_letter, entry;

-- name: close_discarded
-- Of a contact the entry stays dead: else orders would go out before it, and bear a contact there.
WITH closed AS (
    UPDATE entry e SET state = CASE e.operation WHEN 'upsert_contact' THEN 'dead' ELSE 'done' END
     WHERE e.entry = ANY (%(entries)s) AND e.state = 'dead'
    RETURNING e.entry, e.recipient, e.operation, e.source, e.object, e.wanted, e.config
), noted AS (
    INSERT INTO outcome (destination, recipient, entry, operation, source, object, version, wanted,
                         outcome, reason, config)
    SELECT d.destination, c.recipient, c.entry, c.operation, c.source, c.object, d.version, c.wanted,
           'discarded', %(actor)s || ': ' || %(reason)s, c.config
      FROM closed c JOIN dead_letter d ON d.entry = c.entry AND d.dead_letter = ANY (%(letters)s)
)
SELECT entry, recipient FROM closed;

-- name: replay
-- Compare-and-set: a letter that is not open any more is not replayed twice.
WITH replayed AS (
    UPDATE dead_letter
       SET state = 'replayed', actor = %(actor)s, reason = %(reason)s, resolved_at = sync_now()
     WHERE dead_letter = ANY (%(letters)s) AND state = 'open' AND entry IS NOT NULL
    RETURNING entry
)
UPDATE entry e
   SET state = 'open', next_at = sync_now(), attempts = 0, crashes = 0, fingerprint = NULL,
       lane = CASE e.lane WHEN 0 THEN 0 ELSE 2 END  -- a flood of replays delays nothing live
  FROM replayed WHERE e.entry = replayed.entry AND e.state = 'dead'
RETURNING e.entry, e.recipient;

-- name: count_starting
-- What letters and all that waits behind them may start; the past, and what happened, starts nothing.
SELECT trigger_of(e.operation, e.object) AS trigger, count(DISTINCT e.entry) AS entries
  FROM dead_letter d
  JOIN entry e ON e.entry = d.entry OR e.waits_for = d.entry
 WHERE d.dead_letter = ANY (%(letters)s) AND d.state = 'open' AND e.fires
 GROUP BY 1 ORDER BY 1;

-- name: open_unreadable
-- Letters of records that could not be read: they are fetched anew.
SELECT dead_letter, source, stream, object FROM dead_letter
 WHERE dead_letter = ANY (%(letters)s) AND state = 'open' AND entry IS NULL ORDER BY dead_letter;

-- name: sign_replay
-- Who had them read again; those that still cannot be read stay open.
UPDATE dead_letter SET actor = %(actor)s, reason = %(reason)s,
       state = CASE state WHEN 'superseded' THEN 'replayed' ELSE state END
 WHERE dead_letter = ANY (%(letters)s);

-- name: list_parked
SELECT t.destination, t.kind, t.business_key, t.attempt, t.entry, t.noted_at, e.object, e.recipient
  FROM trigger_ledger t LEFT JOIN entry e ON e.entry = t.entry
 WHERE t.state = 'parked' ORDER BY t.noted_at, t.business_key;

-- name: settle_parked
UPDATE trigger_ledger
   SET state = %(state)s, actor = %(actor)s, reason = %(reason)s, settled_at = sync_now()
 WHERE destination = %(destination)s AND kind = %(kind)s AND business_key = %(business_key)s
   AND state = 'parked'
RETURNING entry;

-- name: fire_again
-- A human says that it did not happen: the key is free, and the object fires once more.  Whose
-- order it is by now is asked anew.
WITH freed AS (
    DELETE FROM trigger_ledger
     WHERE destination = %(destination)s AND kind = %(kind)s AND business_key = %(business_key)s
       AND state = 'did_not'
    RETURNING destination, entry
), again AS (
    SELECT e.entry
      FROM freed f
      JOIN record k ON k.source = %(source)s AND k.stream = 'orders' AND k.id = %(object)s
      JOIN recipient r ON r.destination = f.destination AND r.person = k.person
      JOIN entry e ON e.recipient = r.recipient AND e.operation = 'upsert_order' AND e.object = k.id
     WHERE %(kind)s = 'order_placed'
    UNION ALL
    SELECT f.entry FROM freed f WHERE %(kind)s <> 'order_placed'
)
UPDATE entry e
   SET fires = true, fingerprint = NULL, repair_at = sync_now(),
       lane = CASE WHEN e.state IN ('open', 'done') THEN 2 ELSE e.lane END,
       next_at = CASE WHEN e.state IN ('open', 'done') THEN sync_now() END,
       state = CASE WHEN e.state IN ('open', 'done') THEN 'open' ELSE e.state END
  FROM again a WHERE e.entry = a.entry
RETURNING e.entry, e.recipient;
