-- no-transaction
-- What followed of an event is asked for by its number.
DROP INDEX CONCURRENTLY IF EXISTS entry_event;
CREATE INDEX CONCURRENTLY entry_event ON entry (event) WHERE event IS NOT NULL;

-- Of the orders that are stored, however many there are: nobody waits for it.
INSERT INTO order_payment (source, payment, order_id)
SELECT DISTINCT k.source, p #>> '{}', k.id
  FROM record k, jsonb_path_query(k.body, 'lax $.paymentInfo.payments[*].id') AS p
 WHERE k.stream = 'orders' AND p #>> '{}' IS NOT NULL
ON CONFLICT DO NOTHING;
