-- Deletions of orders: of which of them the accounts are told that they are cancelled.
-- Only expands: the release before runs on this schema as it did on its own.

-- As it was declared when the deletion became certain: a later change does not reach back.
ALTER TABLE tombstone ADD COLUMN is_cancelled boolean NOT NULL DEFAULT false;
