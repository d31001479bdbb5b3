-- References: what records refer to, as the source last showed it.

-- name: read_references
-- Those that were fetched within %(fresh)s, or all that are held where it is null.
SELECT kind, id, body FROM reference
 WHERE source = %(source)s
   AND (kind, id) IN (SELECT * FROM unnest(%(kinds)s::text[], %(ids)s::text[]))
   AND (%(fresh)s::interval IS NULL OR fetched_at > sync_now() - %(fresh)s::interval);

-- name: write_references
-- Queries lag: an older version than the one held changes nothing, and counts as not fetched.
-- A body that is null says that the source has it no more; the version seen before is kept.
INSERT INTO reference AS held (source, kind, id, version, body, fetched_at)
SELECT %(source)s, n.kind, n.id, n.version, n.body, sync_now()
  FROM unnest(%(kinds)s::text[], %(ids)s::text[], %(versions)s::bigint[], %(bodies)s::jsonb[])
       AS n (kind, id, version, body)
 ORDER BY n.kind, n.id
ON CONFLICT (source, kind, id) DO UPDATE
   SET version = greatest(held.version, excluded.version),
       body = CASE WHEN excluded.version < held.version THEN held.body ELSE excluded.body END,
       fetched_at = CASE WHEN excluded.version < held.version THEN held.fetched_at ELSE excluded.fetched_at END
RETURNING held.kind, held.id, held.body;
