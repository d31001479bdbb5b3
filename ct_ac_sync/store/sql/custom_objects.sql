-- Custom objects: how far each container is read, whom they name, and whose word they are.

-- name: read_containers
SELECT container, watermark, cutover FROM container WHERE source = %(source)s;

-- name: note_containers
-- At the end of a sweep of all of them: what was there when it began is known.
INSERT INTO container AS held (source, container, watermark, cutover)
SELECT s.source, n.container, s.sweep_until, s.sweep_until
  FROM unnest(%(containers)s::text[]) AS n (container)
  JOIN stream s ON s.source = %(source)s AND s.stream = %(stream)s
   AND s.epoch = %(epoch)s AND s.sweep_until IS NOT NULL
 ORDER BY n.container
ON CONFLICT (source, container) DO UPDATE SET watermark = greatest(held.watermark, excluded.watermark);

-- name: note_objects
-- Returns those that named somebody else before.
WITH named AS (
    SELECT * FROM unnest(%(ids)s::text[], %(containers)s::text[], %(keys)s::text[], %(customers)s::text[],
                         %(addresses)s::text[]) AS n (id, container, key, customer_id, address)
), noted AS (
    INSERT INTO custom_object (source, id, container, key, customer_id, address)
    SELECT %(source)s, n.* FROM named n ORDER BY n.id
    ON CONFLICT (source, id) DO UPDATE SET customer_id = excluded.customer_id, address = excluded.address
)
SELECT o.id FROM custom_object o JOIN named n USING (id)
 WHERE o.source = %(source)s AND (o.customer_id, o.address) IS DISTINCT FROM (n.customer_id, n.address);

-- name: name_anew
-- Whom stored ones name by now, where the configuration says it otherwise than it did.
WITH named AS (
    UPDATE custom_object o SET customer_id = n.customer_id, address = n.address
      FROM unnest(%(ids)s::text[], %(customers)s::text[], %(addresses)s::text[])
           AS n (id, customer_id, address)
     WHERE o.source = %(source)s AND o.id = n.id
       AND (o.customer_id, o.address) IS DISTINCT FROM (n.customer_id, n.address)
    RETURNING o.id, o.customer_id, o.address
)
UPDATE record r SET customer_id = n.customer_id, address = n.address
  FROM named n
 WHERE r.source = %(source)s AND r.stream = 'custom_objects' AND r.id = n.id
RETURNING r.id;

-- name: bury_namesakes
-- One that was deleted and made again: the former is gone since then.
UPDATE record r SET gone_at = k.created_at
  FROM custom_object o
  JOIN record k ON k.source = o.source AND k.stream = 'custom_objects' AND k.id = o.id
  JOIN custom_object f ON f.source = o.source AND f.container = o.container AND f.key = o.key AND f.id <> o.id
 WHERE o.source = %(source)s AND o.id = ANY (%(ids)s)
   AND r.source = f.source AND r.stream = 'custom_objects' AND r.id = f.id
   AND r.gone_at IS NULL AND r.created_at < k.created_at;

-- name: read_waiting
-- Those that name somebody who was not known until now.
SELECT r.stream, r.id, r.version, r.address, r.customer_id, r.person, r.is_historical,
       NULL::text[] AS destinations, r.is_historical AS is_past, false AS is_new
  FROM custom_object o
  JOIN record r ON r.source = o.source AND r.stream = 'custom_objects' AND r.id = o.id
 WHERE o.source = %(source)s AND r.person IS NULL AND r.gone_at IS NULL
   AND (o.customer_id = ANY (%(customers)s) OR o.address = ANY (%(addresses)s))
 ORDER BY r.id;

-- name: read_places
-- Where persons are by now.
SELECT n.person, went_to(n.person) AS destinations FROM unnest(%(persons)s::bigint[]) AS n (person);

-- name: move_objects
-- Those that name a customer follow it to another person.
UPDATE record SET person = %(person)s
 WHERE source = %(source)s AND stream = 'custom_objects' AND customer_id = %(customer)s
   AND person IS DISTINCT FROM %(person)s
RETURNING id, version;

-- name: let_objects_go
-- Those that name nobody who is known, and named somebody before, are nobody's.
UPDATE record SET person = NULL
 WHERE source = %(source)s AND stream = 'custom_objects' AND id = ANY (%(ids)s);

-- name: page_objects
SELECT id, version, created_at, last_modified_at, body, stream FROM record
 WHERE source = %(source)s AND stream = 'custom_objects' AND id > %(after)s AND gone_at IS NULL
 ORDER BY id LIMIT %(limit)s;

-- name: page_carts
SELECT r.stream, r.id, r.version, r.created_at, r.last_modified_at, r.person, r.body,
       coalesce(r.destinations, went_to(r.person)) AS destinations
  FROM record r
 WHERE r.source = %(source)s AND r.stream = 'carts' AND r.id > %(after)s AND r.person IS NOT NULL
   AND NOT is_over(r.source, r.stream, r.customer_id, r.address, r.created_at, r.gone_at)
 ORDER BY r.id LIMIT %(limit)s;

-- name: read_named
SELECT r.stream, r.id, r.version, r.address, r.customer_id, r.person, r.is_historical,
       NULL::text[] AS destinations, true AS is_past, false AS is_new, true AS is_reread
  FROM record r
 WHERE r.source = %(source)s AND r.stream = 'custom_objects' AND r.id = ANY (%(ids)s)
 ORDER BY r.id;
