-- Retention: whole months of the ledger are dropped by age, and resolved letters deleted.
-- The trigger ledger is kept for ever, and so is a letter that is still open.

-- name: take
-- Once a day, whoever comes first; one that fails is tried again in an hour.
INSERT INTO upkeep AS held (task, next_at) VALUES ('retention', sync_now() + interval '1 hour')
ON CONFLICT (task) DO UPDATE SET next_at = excluded.next_at WHERE held.next_at <= sync_now()
RETURNING task;

-- name: old_months
-- Months that ended before the declared number of months before this one, oldest first.
-- The statements come from here, because only the database quotes its names as it reads them.
SELECT child.relname::text AS name,
       format('ALTER TABLE %%I DETACH PARTITION %%I', parent.relname, child.relname) AS detach,
       format('DROP TABLE %%I', child.relname) AS drop
  FROM pg_inherits
  JOIN pg_class parent ON parent.oid = inhparent
  JOIN pg_class child ON child.oid = inhrelid
 WHERE parent.relname IN ('attempt', 'outcome', 'sighting')
   AND parent.relnamespace = current_schema()::regnamespace
   AND CASE WHEN child.relname ~ ('^' || parent.relname || '_\d{4}_\d{2}$')  -- a name of make_month
            THEN to_date(right(child.relname, 7), 'YYYY_MM')
                 < date_trunc('month', sync_now() AT TIME ZONE 'UTC') - %(months)s * interval '1 month' END
 ORDER BY right(child.relname, 7), child.relname;

-- name: limit_wait
-- A partition is detached between two short transactions, or not at all: nobody queues behind it.
SET LOCAL lock_timeout = '2s';

-- name: delete_letters
DELETE FROM dead_letter
 WHERE dead_letter IN (SELECT dead_letter FROM dead_letter
                        WHERE state <> 'open' AND resolved_at < sync_now() - %(age)s
                        ORDER BY dead_letter LIMIT %(limit)s)
RETURNING dead_letter;

-- name: forget_references
-- One that is being fetched anew is left alone.
DELETE FROM reference
 WHERE (source, kind, id) IN (SELECT source, kind, id FROM reference
                               WHERE fetched_at < sync_now() - %(age)s
                               ORDER BY fetched_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING id;

-- name: forget_messages
-- The source keeps them for ninety days at most: nobody asks for one that is older.
DELETE FROM message
 WHERE (source, id) IN (SELECT source, id FROM message WHERE created_at < sync_now() - interval '100 days'
                         ORDER BY created_at LIMIT %(limit)s)
RETURNING id;

-- name: note_done
UPDATE upkeep SET next_at = sync_now() + interval '1 day', done_at = sync_now(), did = %(did)s
 WHERE task = 'retention';
