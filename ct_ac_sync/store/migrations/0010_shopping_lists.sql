-- Shopping lists: a list speaks for nobody any more when its customer does not.
-- Only expands: the release before runs on this schema as it did on its own.

CREATE OR REPLACE FUNCTION is_over(
    project text, kind text, customer text, mail text, made_at timestamptz, went_at timestamptz
) RETURNS boolean
    LANGUAGE sql STABLE AS
$$
    SELECT went_at IS NOT NULL OR (kind IN ('orders', 'carts', 'shopping_lists') AND CASE
        WHEN customer IS NOT NULL THEN EXISTS (
            SELECT FROM tombstone
             WHERE source = project AND stream = 'customers' AND id = customer AND is_confirmed)
        ELSE EXISTS (
            SELECT FROM tombstone
             WHERE tombstone.address = digest_of(mail) AND gone_at >= made_at AND is_confirmed)
        END)
$$;

-- Whether anybody is left of a person at a destination: a contact that is shared is kept.
CREATE OR REPLACE FUNCTION has_living(whom bigint, place text) RETURNS boolean
    LANGUAGE sql STABLE AS
$$
    SELECT EXISTS (
        SELECT FROM record r
         WHERE r.person = whom AND r.stream IN ('customers', 'orders', 'carts', 'shopping_lists')
           AND goes_to(r.destinations, NULL, place)
           AND NOT is_over(r.source, r.stream, r.customer_id, r.address, r.created_at, r.gone_at))
$$;
