-- no-transaction
-- Who bought under the address of somebody who is gone is asked for by its digest.
DROP INDEX CONCURRENTLY IF EXISTS tombstone_address;
CREATE INDEX CONCURRENTLY tombstone_address ON tombstone (address) WHERE address IS NOT NULL;
