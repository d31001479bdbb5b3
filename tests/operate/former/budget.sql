-- Budget: one row per account and kind of limit; all workers on all machines share it.

-- name: ensure_destination
INSERT INTO destination (destination) VALUES (%(destination)s) ON CONFLICT DO NOTHING;

-- name: ensure_bucket
-- A changed setting takes effect at the next start; what was learnt is kept otherwise.
INSERT INTO budget AS held (destination, bucket, base_interval, pace)
VALUES (%(destination)s, %(bucket)s, %(interval)s, %(interval)s)
ON CONFLICT (destination, bucket) DO UPDATE
   SET base_interval = excluded.base_interval, pace = excluded.base_interval
 WHERE held.base_interval <> excluded.base_interval;

-- name: reserve
-- Takes the next slot if it is near enough, and says how long to wait for it.  A slot
-- that is too far away is not taken.
WITH slot AS (
    SELECT destination, bucket,
           greatest(next_slot, blocked_until, sync_now()) AS at, pace
      FROM budget WHERE destination = %(destination)s AND bucket = %(bucket)s FOR UPDATE
), taken AS (
    UPDATE budget b SET next_slot = slot.at + slot.pace
      FROM slot
     WHERE b.destination = slot.destination AND b.bucket = slot.bucket
       AND slot.at <= sync_now() + %(patience)s
    RETURNING true
)
SELECT greatest(slot.at - sync_now(), interval '0') AS wait, EXISTS (SELECT FROM taken) AS is_taken
  FROM slot;

-- name: pass_gate
-- Slots are handed out ahead of time; here calls leave one by one.
UPDATE budget SET sent_at = greatest(sent_at + pace, sync_now())
 WHERE destination = %(destination)s AND bucket = 'calls'
RETURNING sent_at - sync_now() AS wait;

-- name: throttle
-- Told to wait: everybody waits, and goes on a little slower.
UPDATE budget
   SET blocked_until = greatest(blocked_until, sync_now() + %(wait)s),
       pace = least(pace * 1.25, base_interval * 4), throttled_at = sync_now()
 WHERE destination = %(destination)s AND bucket = %(bucket)s;

-- name: note_failure
-- Ten failures in a row open the breaker; it is tried again after a pause that grows.
UPDATE budget
   SET failures = CASE WHEN failures + 1 >= %(threshold)s THEN 0 ELSE failures + 1 END,
       trips = CASE WHEN failures + 1 >= %(threshold)s THEN trips + 1 ELSE trips END,
       blocked_until = CASE WHEN failures + 1 >= %(threshold)s
                            THEN greatest(blocked_until,
                                          sync_now() + least(%(pause)s * (1 << least(trips, 4)),
                                                             %(pause)s * 10))
                            ELSE blocked_until END
 WHERE destination = %(destination)s AND bucket = %(bucket)s
RETURNING failures = 0 AS is_open, greatest(blocked_until, sync_now()) - sync_now() AS pause;

-- name: note_success
-- Each clean call wins back a little speed; somebody else's use of the account slows us.
WITH forgiven AS (
    UPDATE destination SET refusals = 0 WHERE destination = %(destination)s AND refusals > 0
)
UPDATE budget
   SET failures = 0, trips = 0,
       pace = CASE WHEN %(remaining)s::int IS NOT NULL AND %(remaining)s::int = 0
                   THEN least(pace * 1.05, base_interval * 4)
                   ELSE greatest(base_interval, pace * 0.9) END
 WHERE destination = %(destination)s AND bucket = %(bucket)s
   AND (failures > 0 OR trips > 0 OR pace > base_interval OR %(remaining)s::int = 0);

-- name: halt_destination
-- Returns a row once a halt, however many workers come to it.
UPDATE destination SET halted = %(reason)s, halted_at = sync_now()
 WHERE destination = %(destination)s AND halted IS NULL
RETURNING destination;

-- name: resume_destination
UPDATE destination SET halted = NULL, halted_at = NULL, refusals = 0
 WHERE destination = %(destination)s AND halted IS NOT NULL
RETURNING destination;

-- name: count_refusal
UPDATE destination SET refusals = refusals + 1 WHERE destination = %(destination)s RETURNING refusals;

-- name: read_layout
SELECT layout || coalesce(layout_more, '{}') AS layout FROM destination WHERE destination = %(destination)s;

-- name: hold_layout
-- One at a time makes fields and connections there.
UPDATE destination SET layout_until = sync_now() + interval '60 seconds'
 WHERE destination = %(destination)s AND (layout_until IS NULL OR layout_until <= sync_now())
RETURNING destination;

-- name: write_layout
UPDATE destination SET layout = %(layout)s, layout_more = %(more)s, layout_until = NULL
 WHERE destination = %(destination)s;

-- name: put_off_look
-- What was found or made just now is as it shall be, and need not be looked at soon.
INSERT INTO upkeep (task, next_at) VALUES (%(look)s, sync_now() + %(every)s)
ON CONFLICT (task) DO UPDATE SET next_at = excluded.next_at, did = excluded.did;

-- name: let_go_of_layout
UPDATE destination SET layout_until = NULL WHERE destination = %(destination)s;

-- name: ensure_look
INSERT INTO upkeep (task, next_at) VALUES (%(look)s, sync_now()) ON CONFLICT DO NOTHING;

-- name: read_due
-- Asked at every tick, and nearly always in vain: it locks nothing.
SELECT task FROM upkeep
 WHERE task = ANY (%(tasks)s) AND next_at <= sync_now()
   AND EXISTS (SELECT FROM destination WHERE destination = %(destination)s AND halted IS NULL);

-- name: take_look
-- One looks at a time; a look that came to nothing is tried again sooner than the next is due.
UPDATE upkeep SET next_at = sync_now() + %(again)s
 WHERE task = %(look)s AND next_at <= sync_now()
RETURNING task;

-- name: note_look
UPDATE upkeep SET next_at = sync_now() + %(every)s, done_at = sync_now(), did = %(did)s
 WHERE task = %(look)s;

-- name: begin_resend
-- Not before everybody writes to what is there now; how far it has come is what it did.
INSERT INTO upkeep (task, next_at, did)
SELECT n.task, sync_now() + %(delay)s, '0' FROM unnest(%(tasks)s::text[]) AS n (task) ORDER BY 1
ON CONFLICT (task) DO UPDATE SET next_at = excluded.next_at, did = excluded.did;

-- name: take_resend
SELECT did::bigint AS after FROM upkeep
 WHERE task = %(task)s AND next_at <= sync_now() FOR UPDATE SKIP LOCKED;

-- name: lock_page
SELECT recipient FROM recipient
 WHERE destination = %(destination)s AND recipient > %(after)s
 ORDER BY recipient LIMIT %(limit)s FOR UPDATE;

-- name: resend_page
-- As a repair, which goes out whatever it compares to, and in the lane of the past, in which
-- nothing starts an automation.  What is owed anyhow goes when it goes, and that may do.
UPDATE entry
   SET fingerprint = NULL, repair_at = sync_now(),
       lane    = CASE state WHEN 'done' THEN 3 ELSE lane END,
       next_at = CASE state WHEN 'done' THEN sync_now() ELSE next_at END,
       state   = CASE state WHEN 'done' THEN 'open' ELSE state END
 WHERE recipient = ANY (%(recipients)s) AND operation = %(operation)s;

-- name: refresh_recipients
SELECT refresh_recipients(%(recipients)s);

-- name: move_resend
UPDATE upkeep SET did = %(after)s WHERE task = %(task)s;

-- name: end_resend
DELETE FROM upkeep WHERE task = %(task)s;
