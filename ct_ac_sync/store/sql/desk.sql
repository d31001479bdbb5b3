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
-- A human says that it did not happen: the key is free, and the object fires once more.
WITH freed AS (
    DELETE FROM trigger_ledger
     WHERE destination = %(destination)s AND kind = %(kind)s AND business_key = %(business_key)s
       AND state = 'did_not'
    RETURNING destination
)
UPDATE entry e
   SET fires = true, fingerprint = NULL, repair_at = sync_now(),
       lane = CASE WHEN e.state IN ('open', 'done') THEN 2 ELSE e.lane END,
       next_at = CASE WHEN e.state IN ('open', 'done') THEN sync_now() END,
       state = CASE WHEN e.state IN ('open', 'done') THEN 'open' ELSE e.state END
  FROM freed, recipient r, record k
 WHERE k.source = %(source)s AND k.id = %(object)s AND k.stream = 'orders'
   AND r.destination = freed.destination AND r.person = k.person
   AND e.recipient = r.recipient AND e.operation = 'upsert_order' AND e.object = k.id
RETURNING e.entry, e.recipient;
