-- Tags: what contacts are believed to have, and ids of tags.

-- name: read_tags
-- One row at least: without a name where none are known.
SELECT r.tags_at IS NOT NULL AS is_read, t.name, t.link
  FROM recipient r LEFT JOIN recipient_tag t USING (recipient)
 WHERE r.recipient = %(recipient)s;

-- name: note_tags_read
UPDATE recipient SET tags_at = sync_now()
 WHERE recipient = %(recipient)s AND lease_token = %(token)s RETURNING recipient;

-- name: drop_tags
DELETE FROM recipient_tag WHERE recipient = %(recipient)s;

-- name: write_tags
INSERT INTO recipient_tag (recipient, name, link)
SELECT %(recipient)s, n.name, n.link FROM unnest(%(names)s::text[], %(links)s::text[]) AS n (name, link)
ON CONFLICT (recipient, name) DO UPDATE SET link = excluded.link;

-- name: read_tag
SELECT id FROM tag WHERE destination = %(destination)s AND name = %(name)s;

-- name: write_tag
INSERT INTO tag (destination, name, id) VALUES (%(destination)s, %(name)s, %(id)s)
ON CONFLICT (destination, name) DO UPDATE SET id = excluded.id;

-- name: forget_tag
DELETE FROM tag WHERE destination = %(destination)s AND name = %(name)s;
