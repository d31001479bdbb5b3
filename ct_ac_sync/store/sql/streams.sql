-- Streams: how far each is read, who reads it now, and which ticks were taken.

-- name: ensure_stream
INSERT INTO stream (source, stream) VALUES (%(source)s, %(stream)s) ON CONFLICT DO NOTHING;

-- name: take_slot
-- A tick counts once: a second beat, or a redelivered one, finds the row there.
WITH tick AS (
    SELECT floor(extract(epoch FROM sync_now()) / extract(epoch FROM %(period)s::interval))::bigint AS slot
), past AS (
    DELETE FROM poll_slot USING tick
     WHERE source = %(source)s AND stream = %(stream)s AND poll_slot.slot < tick.slot - 100
)
INSERT INTO poll_slot (source, stream, slot) SELECT %(source)s, %(stream)s, slot FROM tick
ON CONFLICT DO NOTHING
RETURNING slot;

-- name: read_streams
SELECT *, sync_now() AS now FROM stream WHERE source = %(source)s ORDER BY stream;

-- name: lease_stream
-- One extractor at a time; the epoch outlives it, so that a stale one is refused.
UPDATE stream
   SET epoch = epoch + 1, lease_until = sync_now() + %(lease)s
 WHERE source = %(source)s AND stream = %(stream)s AND halted IS NULL
   AND (lease_until IS NULL OR lease_until <= sync_now())
RETURNING epoch, watermark, cutover, sweep_since, sweep_until, sweep_after,
          sweep_until IS NULL AND coalesce(wide_at <= sync_now() - interval '1 day', true) AS is_wide;

-- name: hold_stream
-- Renews the lease and guards what follows in the same transaction.
UPDATE stream
   SET lease_until = sync_now() + %(lease)s
 WHERE source = %(source)s AND stream = %(stream)s AND epoch = %(epoch)s
RETURNING cutover;

-- name: begin_sweep
UPDATE stream
   SET sweep_since = %(since)s, sweep_until = %(until)s, sweep_after = NULL, begun_at = sync_now(),
       cutover = coalesce(cutover, %(cutover)s),
       wide_at = CASE WHEN %(is_wide)s THEN sync_now() ELSE wide_at END
 WHERE source = %(source)s AND stream = %(stream)s AND epoch = %(epoch)s
RETURNING cutover;

-- name: move_sweep
UPDATE stream SET sweep_after = %(after)s
 WHERE source = %(source)s AND stream = %(stream)s AND epoch = %(epoch)s;

-- name: end_sweep
-- The watermark moves only here, after the last page, and never back.
UPDATE stream
   SET watermark = greatest(watermark, sweep_until), sweeps = sweeps + 1, swept_at = sync_now(),
       read_until = greatest(read_until, begun_at),
       sweep_since = NULL, sweep_until = NULL, sweep_after = NULL
 WHERE source = %(source)s AND stream = %(stream)s AND epoch = %(epoch)s;

-- name: release_stream
UPDATE stream SET lease_until = NULL
 WHERE source = %(source)s AND stream = %(stream)s AND epoch = %(epoch)s;

-- name: start_from
-- The first run's answer to what shall happen with the past.
UPDATE stream
   SET watermark = %(watermark)s, cutover = %(cutover)s
 WHERE source = %(source)s AND stream = %(stream)s AND cutover IS NULL;

-- name: halt_stream
UPDATE stream SET halted = %(reason)s WHERE source = %(source)s AND stream = %(stream)s;

-- name: resume_streams
UPDATE stream SET halted = NULL WHERE source = %(source)s AND halted IS NOT NULL;

-- name: stalled_sweeps
-- Sweeps under way that nobody reads: their extractor died, or its ring was lost.
SELECT source, stream FROM stream
 WHERE sweep_until IS NOT NULL AND halted IS NULL
   AND (lease_until IS NULL OR lease_until <= sync_now());

-- name: make_months
-- Partitions of the next months, long before they are needed.
SELECT make_month((sync_now() + n * interval '1 month')::date) FROM generate_series(0, 2) AS n;
