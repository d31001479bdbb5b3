-- Consent: what records said, where people stand with lists, and why.

-- name: read_versions
-- The versions that are stored of records that arrive, and until when such records are known.
-- A version between that nobody could read may have said it first.
SELECT n.stream, n.id, r.version, r.created_at, r.last_modified_at, r.body,
       CASE WHEN NOT EXISTS (SELECT FROM dead_letter d
                              WHERE d.source = %(source)s AND d.stream = n.stream AND d.object = n.id
                                AND d.entry IS NULL AND d.version > r.version)
            THEN CASE n.stream WHEN 'custom_objects' THEN o.watermark ELSE s.watermark END END AS watermark
  FROM unnest(%(streams)s::text[], %(ids)s::text[]) AS n (stream, id)
  LEFT JOIN record r ON r.source = %(source)s AND r.stream = n.stream AND r.id = n.id
  LEFT JOIN stream s ON s.source = %(source)s AND s.stream = n.stream
  LEFT JOIN container o ON n.stream = 'custom_objects' AND o.source = %(source)s
   AND o.container = r.body ->> 'container';

-- name: note_evidence
INSERT INTO consent_evidence (source, stream, id, version, channel, place, says, since, at,
                              is_stated, is_explicit, is_past, may_revive, details, config)
SELECT %(source)s, n.*, %(config)s
  FROM unnest(%(stream)s::text[], %(id)s::text[], %(version)s::bigint[], %(channel)s::text[],
              %(place)s::text[], %(says)s::text[], %(since)s::timestamptz[], %(at)s::timestamptz[],
              %(is_stated)s::boolean[], %(is_explicit)s::boolean[], %(is_past)s::boolean[], %(may_revive)s::boolean[],
              %(details)s::jsonb[]) AS n;

-- name: known_evidence
-- Places of which something is written down already.
SELECT DISTINCT c.stream, c.id, c.channel, c.place
  FROM unnest(%(streams)s::text[], %(ids)s::text[]) AS n (stream, id)
  JOIN consent_evidence c ON c.source = %(source)s AND c.stream = n.stream AND c.id = n.id;

-- name: read_evidence
-- What each place of people's records says by now: what somebody said rather than what came by
-- itself.  A custom object goes where the customer goes whom it names, by id or address; of a
-- guest, where the newest order does.
-- A place whose field we wrote to since then says nothing, until somebody says something there.
-- What moved is where it would be; nothing did where nobody asks.
SELECT DISTINCT ON (c.source, c.stream, c.id, c.channel, c.place, k.id)
       c.*, r.person, coalesce(g.body, r.body) AS body, k.body AS customer,
       b.name AS back_name, b.version AS back_version,
       CASE WHEN r.stream = 'custom_objects' AND k.id IS NULL AND g.body IS NULL THEN false
            ELSE goes_to(w.destinations,
                         %(moved)s::jsonb -> (r.source || '/' || w.stream || '/' || w.id), %(destination)s)
       END AS is_here,
       is_over(r.source, r.stream, r.customer_id, r.address, r.created_at, r.gone_at) AS is_over
  FROM record r
  JOIN consent_evidence c USING (source, stream, id)
  LEFT JOIN LATERAL (
      SELECT n.id, n.body, n.destinations FROM record n
       WHERE n.source = r.source AND n.stream = 'customers' AND n.id = r.customer_id
      UNION ALL
      SELECT n.id, n.body, n.destinations FROM record n
       WHERE r.stream = 'custom_objects' AND r.customer_id IS NULL
         AND n.person = r.person AND n.stream = 'customers' AND n.source = r.source AND n.gone_at IS NULL
  ) AS k ON true
  LEFT JOIN LATERAL (
      SELECT o.stream, o.id, o.body, o.destinations FROM record o
       WHERE r.stream = 'custom_objects' AND k.id IS NULL
         AND o.person = r.person AND o.source = r.source AND o.stream IN ('orders', 'carts')
       ORDER BY o.stream DESC, o.created_at DESC LIMIT 1) AS g ON true
 CROSS JOIN LATERAL (                       -- which record says where it goes
      SELECT r.stream, r.id, r.destinations WHERE r.stream <> 'custom_objects'
      UNION ALL
      SELECT 'customers', k.id, k.destinations WHERE r.stream = 'custom_objects' AND k.id IS NOT NULL
      UNION ALL
      SELECT g.stream, g.id, g.destinations WHERE r.stream = 'custom_objects' AND k.id IS NULL) AS w
  LEFT JOIN write_back b ON c.stream = 'customers' AND b.source = c.source AND b.id = c.id
                        AND b.channel = c.channel
 WHERE r.person = ANY (%(persons)s)
 ORDER BY c.source, c.stream, c.id, c.channel, c.place, k.id,
          c.is_explicit DESC, c.evidence DESC;

-- name: page_persons
SELECT DISTINCT person FROM record WHERE person > %(after)s ORDER BY person LIMIT %(limit)s;

-- name: compare_records
-- Records of persons that may say something at places which nobody has read of them.  A custom
-- object goes where the customer goes whom it names, or of a guest where the newest order does.
SELECT r.person, r.source, r.stream, r.id, r.version, r.created_at, r.last_modified_at,
       r.body, coalesce(g.body, r.body) AS routed, k.body AS customer, sync_now() AS now,
       CASE WHEN r.stream = 'custom_objects' AND k.id IS NULL AND g.body IS NULL THEN false
            ELSE goes_to(w.destinations,
                         %(moved)s::jsonb -> (r.source || '/' || w.stream || '/' || w.id), %(destination)s)
       END AS is_here
  FROM record r
  LEFT JOIN LATERAL (
      SELECT n.id, n.body, n.destinations FROM record n
       WHERE n.source = r.source AND n.stream = 'customers' AND n.id = r.customer_id
      UNION ALL
      SELECT n.id, n.body, n.destinations FROM record n
       WHERE r.stream = 'custom_objects' AND r.customer_id IS NULL
         AND n.person = r.person AND n.stream = 'customers' AND n.source = r.source AND n.gone_at IS NULL
  ) AS k ON true
  LEFT JOIN LATERAL (
      SELECT o.stream, o.id, o.body, o.destinations FROM record o
       WHERE r.stream = 'custom_objects' AND k.id IS NULL
         AND o.person = r.person AND o.source = r.source AND o.stream IN ('orders', 'carts')
       ORDER BY o.stream DESC, o.created_at DESC LIMIT 1) AS g ON true
 CROSS JOIN LATERAL (
      SELECT r.stream, r.id, r.destinations WHERE r.stream <> 'custom_objects'
      UNION ALL
      SELECT 'customers', k.id, k.destinations WHERE r.stream = 'custom_objects' AND k.id IS NOT NULL
      UNION ALL
      SELECT g.stream, g.id, g.destinations WHERE r.stream = 'custom_objects' AND k.id IS NULL) AS w
 WHERE r.person = ANY (%(persons)s) AND r.stream = ANY (%(streams)s)
   AND NOT is_over(r.source, r.stream, r.customer_id, r.address, r.created_at, r.gone_at)
 ORDER BY r.source, r.stream, r.id, k.id;

-- name: read_said
-- What records say by now, place by place.
SELECT DISTINCT ON (c.stream, c.id, c.channel, c.place) c.*
  FROM unnest(%(streams)s::text[], %(ids)s::text[]) AS n (stream, id)
  JOIN consent_evidence c ON c.source = %(source)s AND c.stream = n.stream AND c.id = n.id
 ORDER BY c.stream, c.id, c.channel, c.place, c.is_explicit DESC, c.evidence DESC;

-- name: move_evidence
-- What a record said before the version in which it became another person's is of the past for
-- that one.
INSERT INTO consent_evidence (source, stream, id, version, channel, place, says, since, at,
                              is_stated, is_explicit, is_past, may_revive, details, config)
SELECT DISTINCT ON (c.channel, c.place) c.source, c.stream, c.id, c.version, c.channel, c.place, c.says,
       c.since, c.at, c.is_stated, c.is_explicit, true, c.may_revive, c.details, c.config
  FROM consent_evidence c
 WHERE c.source = %(source)s AND c.stream = %(stream)s AND c.id = %(id)s
   AND NOT EXISTS (SELECT FROM consent_evidence n
                    WHERE n.source = c.source AND n.stream = c.stream AND n.id = c.id
                      AND n.channel = c.channel AND n.place = c.place AND n.version >= %(version)s)
 ORDER BY c.channel, c.place, c.is_explicit DESC, c.evidence DESC;

-- name: read_memberships
SELECT list, contact, standing, joined_at, left_at, ended_for, begun_for, intended, intended_for, intended_at,
       written_at, revived_over
  FROM membership WHERE recipient = %(recipient)s;

-- name: hold_recipient
SELECT recipient FROM recipient WHERE recipient = %(recipient)s AND lease_token = %(token)s FOR UPDATE;

-- name: keep_memberships
-- A revival that was overruled stays so until their own no is restored.
INSERT INTO membership (recipient, list, contact, standing, joined_at, left_at, ended_for, begun_for,
                        revived_over)
SELECT %(recipient)s, n.list, %(contact)s, n.standing, n.joined_at, n.left_at, n.ended_for, n.begun_for,
       n.revived_over
  FROM unnest(%(list)s::text[], %(standing)s::text[], %(joined_at)s::timestamptz[],
              %(left_at)s::timestamptz[], %(ended_for)s::timestamptz[], %(begun_for)s::timestamptz[],
              %(revived_over)s::timestamptz[])
       AS n (list, standing, joined_at, left_at, ended_for, begun_for, revived_over)
ON CONFLICT (recipient, list) DO UPDATE
   SET contact = excluded.contact, standing = excluded.standing, joined_at = excluded.joined_at,
       left_at = excluded.left_at, ended_for = excluded.ended_for, begun_for = excluded.begun_for,
       revived_over = excluded.revived_over,
       intended = CASE WHEN excluded.revived_over IS NOT NULL THEN membership.intended END,
       intended_for = CASE WHEN excluded.revived_over IS NOT NULL THEN membership.intended_for END,
       intended_on = CASE WHEN excluded.revived_over IS NOT NULL THEN membership.intended_on END,
       intended_by = CASE WHEN excluded.revived_over IS NOT NULL THEN membership.intended_by END,
       intended_at = CASE WHEN excluded.revived_over IS NOT NULL THEN membership.intended_at END,
       written_at = CASE WHEN excluded.revived_over IS NOT NULL THEN membership.written_at END;

-- name: is_still_wanted
-- Whether nothing newer is wanted by now: a no that came since the look goes first.
SELECT EXISTS (SELECT FROM entry WHERE entry = %(entry)s AND wanted = %(wanted)s) AS is_still_wanted;

-- name: intend_membership
INSERT INTO membership (recipient, list, contact, standing, intended, intended_for, intended_on, intended_by,
                        intended_at, revived_over)
VALUES (%(recipient)s, %(list)s, %(contact)s, 'none', %(standing)s, %(said_at)s, %(evidence)s, %(attempt)s,
        clock_timestamp(), %(revived_over)s)
ON CONFLICT (recipient, list) DO UPDATE
   SET contact = excluded.contact, intended = excluded.intended, intended_for = excluded.intended_for,
       intended_on = excluded.intended_on, intended_by = excluded.intended_by,
       intended_at = excluded.intended_at, written_at = NULL,
       revived_over = CASE excluded.intended WHEN 'active' THEN excluded.revived_over
                                             ELSE membership.revived_over END;

-- name: write_membership
-- What our call was proven to have made of it.
UPDATE membership
   SET standing = intended, written_at = clock_timestamp(),
       ended_for = CASE intended WHEN 'unsubscribed' THEN intended_for END,
       begun_for = CASE intended WHEN 'active' THEN intended_for END,
       revived_over = CASE intended WHEN 'active' THEN revived_over END
 WHERE recipient = %(recipient)s AND list = %(list)s AND intended_by = %(attempt)s
RETURNING recipient;

-- name: note_found
-- What a look shows of a call whose reply was lost: it took effect.
WITH pace AS (
    INSERT INTO told_hour AS held (kind, hour, told)
    SELECT CASE m.intended WHEN 'active' THEN 'subscribe' ELSE 'unsubscribe' END,
           date_trunc('hour', sync_now()), count(*)
      FROM membership m WHERE m.recipient = %(recipient)s AND m.list = ANY (%(ids)s::text[])
     GROUP BY 1 ORDER BY 1
    ON CONFLICT (kind, hour) DO UPDATE SET told = held.told + excluded.told
)
INSERT INTO consent_ledger (destination, recipient, channel, list, what, standing, reason, evidence, attempt, config)
SELECT %(destination)s, %(recipient)s, n.channel, n.name, 'written', m.intended,
       'its reply was lost, and it is found there', m.intended_on, m.intended_by, %(config)s
  FROM unnest(%(ids)s::text[], %(channels)s::text[], %(names)s::text[]) AS n (id, channel, name)
  JOIN membership m ON m.recipient = %(recipient)s AND m.list = n.id;

-- name: link_contact
-- Found by its address: it is this recipient's, where nobody else has it.
UPDATE recipient r SET contact = %(contact)s
 WHERE r.recipient = %(recipient)s AND r.lease_token = %(token)s AND r.contact IS NULL
   AND NOT EXISTS (SELECT FROM recipient o
                    WHERE o.destination = r.destination AND o.contact = %(contact)s);

-- name: note_verdicts
-- Only what is another verdict than the last of its list.
INSERT INTO consent_ledger (destination, recipient, channel, list, what, standing, action, reason, evidence, config)
SELECT %(destination)s, %(recipient)s, n.channel, n.list, 'verdict', n.standing, n.action, n.reason,
       n.evidence, %(config)s
  FROM unnest(%(channel)s::text[], %(list)s::text[], %(standing)s::text[], %(action)s::text[],
              %(reason)s::text[], %(evidence)s::bigint[])
       AS n (channel, list, standing, action, reason, evidence)
 WHERE (n.action, n.reason, n.standing, n.evidence) IS DISTINCT FROM (
       SELECT (l.action, l.reason, l.standing, l.evidence) FROM consent_ledger l
        WHERE l.recipient = %(recipient)s AND l.list = n.list AND l.what = 'verdict'
        ORDER BY l.number DESC LIMIT 1);

-- name: note_seen
INSERT INTO consent_ledger (destination, recipient, channel, list, what, standing, reason, config)
SELECT %(destination)s, %(recipient)s, n.channel, n.name, 'seen', n.standing, n.reason, %(config)s
  FROM unnest(%(channels)s::text[], %(names)s::text[], %(standings)s::text[], %(reasons)s::text[])
       AS n (channel, name, standing, reason);

-- name: note_written
-- How many there are of each kind in this hour is kept with the events': what is usual.
WITH pace AS (
    INSERT INTO told_hour AS held (kind, hour, told)
    VALUES (CASE %(standing)s::text WHEN 'active' THEN 'subscribe' ELSE 'unsubscribe' END,
            date_trunc('hour', sync_now()), 1)
    ON CONFLICT (kind, hour) DO UPDATE SET told = held.told + 1
)
INSERT INTO consent_ledger (destination, recipient, channel, list, what, standing, evidence, attempt, config)
VALUES (%(destination)s, %(recipient)s, %(channel)s, %(name)s, 'written', %(standing)s,
        %(evidence)s, %(attempt)s, %(config)s);

-- name: want_consent_again
-- News of contacts there: what they consent to is looked at once more, at once.
INSERT INTO entry AS held (recipient, operation, object, rank, wanted, lane, next_at, repair_at, config)
SELECT r.recipient, 'set_consent', '', 2, nextval('wanted_sequence'), %(lane)s, sync_now(), sync_now(), %(config)s
  FROM recipient r WHERE r.recipient = ANY (%(recipients)s) ORDER BY r.recipient
ON CONFLICT (recipient, operation, object) DO UPDATE
   SET wanted = excluded.wanted, attempts = 0, repair_at = excluded.repair_at,
       lane = CASE held.state WHEN 'done' THEN excluded.lane ELSE least(held.lane, excluded.lane) END,
       state = CASE held.state WHEN 'waiting' THEN 'waiting' ELSE 'open' END,
       next_at = CASE held.state WHEN 'waiting' THEN NULL ELSE sync_now() END
 WHERE held.state = 'done' OR held.repair_at IS NULL    -- else it is to be looked at already
RETURNING recipient;

-- name: refresh_recipients
SELECT refresh_recipients(%(recipients)s);

-- name: list_evidence
-- All that the records of persons ever said, and what was decided of them on what records said that
-- are somebody else's by now.
SELECT c.noticed_at AS at, c.evidence, c.source, c.stream, c.id, c.version, c.channel, c.says,
       c.since, c.at AS said_at, c.is_explicit, c.is_past, c.details, c.config
  FROM consent_evidence c
 WHERE c.noticed_at <= coalesce(%(until)s, c.noticed_at) AND c.evidence IN (
       SELECT n.evidence FROM record r JOIN consent_evidence n USING (source, stream, id)
        WHERE r.person = ANY (%(persons)s)
       UNION ALL
       SELECT l.evidence FROM recipient t JOIN consent_ledger l USING (recipient)
        WHERE t.person = ANY (%(persons)s) AND l.evidence IS NOT NULL)
 ORDER BY c.evidence;

-- name: list_ledger
SELECT l.at, l.number, l.destination, l.channel, l.list, l.what, l.standing, l.action, l.reason,
       l.evidence, l.attempt, l.config, a.request
  FROM recipient r JOIN consent_ledger l USING (recipient)
  LEFT JOIN attempt a ON a.attempt = l.attempt
 WHERE r.person = ANY (%(persons)s) AND l.at <= coalesce(%(until)s, l.at)
 ORDER BY l.number;

-- name: summary
-- The last verdict of each person and list, counted; and who said something in the past, of which
-- nothing follows, and of whom nothing was decided.
SELECT destination, channel, list, action, reason, count(*) AS people FROM (
    SELECT DISTINCT ON (recipient, list) destination, channel, list, action, reason
      FROM consent_ledger WHERE what = 'verdict' ORDER BY recipient, list, number DESC) AS last
 GROUP BY 1, 2, 3, 4, 5
UNION ALL
SELECT '', channel, '', 'hold', 'said ' || says || ' in a record of the past', count(DISTINCT person)
  FROM (SELECT DISTINCT ON (c.source, c.stream, c.id, c.channel, c.place) c.channel, c.says, c.is_past, r.person
          FROM consent_evidence c JOIN record r USING (source, stream, id)
         ORDER BY c.source, c.stream, c.id, c.channel, c.place, c.evidence DESC) AS said
 WHERE is_past AND NOT EXISTS (SELECT FROM consent_ledger l JOIN recipient t USING (recipient)
                                WHERE t.person = said.person AND l.channel = said.channel)
 GROUP BY channel, says
 ORDER BY 1, 2, 3, 6 DESC, 4, 5;

-- name: ensure_watch
INSERT INTO upkeep (task, next_at, did) VALUES (%(task)s, sync_now(), '0') ON CONFLICT DO NOTHING;

-- name: take_watch
-- One looks at a time; where the page before ended is what it did.
UPDATE upkeep SET next_at = sync_now() + %(every)s
 WHERE task = %(task)s AND next_at <= sync_now()
   AND EXISTS (SELECT FROM destination WHERE destination = %(destination)s AND halted IS NULL)
RETURNING did AS place;

-- name: move_watch
UPDATE upkeep SET did = %(place)s, done_at = sync_now() WHERE task = %(task)s;

-- name: find_news
-- Whose memberships are not what is known of them; what nobody has looked at is no news.
SELECT DISTINCT r.recipient
  FROM unnest(%(contacts)s::text[], %(lists)s::text[], %(standings)s::text[]) AS n (contact, list, standing)
  JOIN recipient r ON r.destination = %(destination)s AND r.contact = n.contact
  JOIN membership m ON m.recipient = r.recipient AND m.list = n.list AND m.contact = n.contact
 WHERE m.standing <> n.standing AND (m.intended IS NULL OR m.written_at IS NOT NULL)
 ORDER BY r.recipient;

-- name: find_unseen
-- Who is off a list, and at whom nobody has looked: their customers may still say yes.  A look keeps
-- all lists that matter, so that one is enough.
SELECT DISTINCT r.recipient
  FROM unnest(%(contacts)s::text[], %(lists)s::text[], %(standings)s::text[]) AS n (contact, list, standing)
  JOIN recipient r ON r.destination = %(destination)s AND r.contact = n.contact
 WHERE n.standing IN ('unsubscribed', 'bounced') AND has_evidence(r.person)
   AND NOT EXISTS (SELECT FROM membership m WHERE m.recipient = r.recipient AND m.contact = n.contact)
 ORDER BY r.recipient;

-- name: want_back
-- Each customer of the person is to be told of what they left; of what it was told already it is not
-- told again.  A dead letter is superseded.
WITH raised AS (
    INSERT INTO entry AS held
           (recipient, operation, object, source, rank, wanted, lane, next_at, detail, config)
    SELECT t.recipient, 'write_back', r.id, r.source, 2, nextval('wanted_sequence'), %(lane)s, sync_now(),
           %(left)s, %(config)s
      FROM recipient t
      JOIN record r ON r.person = t.person AND r.stream = 'customers' AND r.gone_at IS NULL
       AND goes_to(r.destinations, NULL, t.destination)
     WHERE t.recipient = %(recipient)s
     ORDER BY r.id
    ON CONFLICT (recipient, operation, object) DO UPDATE
       SET wanted = excluded.wanted, detail = excluded.detail, config = excluded.config,
           lane = CASE WHEN held.state = 'done' THEN excluded.lane ELSE least(held.lane, excluded.lane) END,
           attempts = 0, crashes = 0,
           state = CASE held.state WHEN 'waiting' THEN 'waiting' ELSE 'open' END,
           next_at = CASE held.state WHEN 'waiting' THEN NULL ELSE sync_now() END
     WHERE held.detail IS DISTINCT FROM excluded.detail
    RETURNING entry
), superseded AS (
    UPDATE dead_letter SET state = 'superseded', resolved_at = sync_now(), reason = 'they left anew'
     WHERE entry IN (SELECT entry FROM raised) AND state = 'open'
)
SELECT count(*) AS raised FROM raised;

-- name: read_customer
-- A customer as it was accepted, and whose it is.
SELECT person, version, created_at, last_modified_at, body,
       goes_to(destinations, NULL, %(destination)s) AS is_here, sync_now() AS now
  FROM record
 WHERE source = %(source)s AND stream = 'customers' AND id = %(id)s AND gone_at IS NULL;

-- name: read_written_back
SELECT id, channel, name, fields, version, is_noted FROM write_back
 WHERE source = %(source)s AND id = ANY (%(ids)s);

-- name: intend_write_back
INSERT INTO write_back (source, id, channel, name, fields, attempt)
VALUES (%(source)s, %(id)s, %(channel)s, %(name)s, %(fields)s, %(attempt)s)
ON CONFLICT (source, id, channel) DO UPDATE
   SET name = excluded.name, fields = excluded.fields, attempt = excluded.attempt,
       intended_at = excluded.intended_at, version = NULL, is_noted = false;

-- name: see_write_back
-- What was written came back, in this version or an earlier one.
UPDATE write_back SET version = %(version)s
 WHERE source = %(source)s AND id = %(id)s AND channel = %(channel)s AND version IS NULL;

-- name: prove_write_back
-- What a call wrote stands there since this version, or since one that was seen; once for the ledger.
UPDATE write_back SET version = coalesce(version, %(version)s), is_noted = true
 WHERE source = %(source)s AND id = %(id)s AND channel = ANY (%(channels)s) AND NOT is_noted
   AND attempt = coalesce(%(attempt)s, attempt)
RETURNING channel, attempt;

-- name: note_written_back
-- How many there are in this hour is kept with the events': what is usual.
WITH pace AS (
    INSERT INTO told_hour AS held (kind, hour, told)
    VALUES ('write_back', date_trunc('hour', sync_now()), 1)
    ON CONFLICT (kind, hour) DO UPDATE SET told = held.told + 1
)
INSERT INTO consent_ledger (destination, recipient, channel, list, what, standing, reason, attempt, config)
VALUES (%(destination)s, %(recipient)s, %(channel)s, %(list)s, 'written_back', %(standing)s, %(reason)s,
        %(attempt)s, %(config)s);

-- name: find_linked
SELECT recipient FROM recipient
 WHERE destination = %(destination)s AND contact = ANY (%(contacts)s) ORDER BY recipient;

-- name: read_exclusions
-- Those that mean an address; no row at all where they were never read.
SELECT x.phrase, x.match, x.channel, x.lists
  FROM upkeep u
  LEFT JOIN exclusion x ON x.destination = %(destination)s AND is_meant(%(address)s, x.phrase, x.match)
 WHERE u.task = %(task)s AND u.done_at IS NOT NULL;

-- name: lock_exclusions
-- One writes at a time.
SELECT FROM upkeep WHERE task = %(task)s FOR UPDATE;

-- name: free_excluded
-- Those whom former ones mean, and the ones that take their place do not.
WITH new AS (
    SELECT * FROM unnest(%(phrases)s::text[], %(matches)s::text[], %(channels)s::text[], %(lists)s::text[])
           AS n (phrase, match, channel, lists)
), freed AS (
    DELETE FROM exclusion x
     WHERE x.destination = %(destination)s
       AND NOT EXISTS (SELECT FROM new n
                        WHERE (n.phrase, n.match, n.channel) = (x.phrase, x.match, x.channel)
                          AND string_to_array(n.lists, ' ') = x.lists)
    RETURNING x.phrase, x.match
)
SELECT DISTINCT r.recipient FROM freed f
  JOIN recipient r ON r.destination = %(destination)s AND is_meant(r.address, f.phrase, f.match);

-- name: replace_exclusions
WITH gone AS (DELETE FROM exclusion WHERE destination = %(destination)s)
INSERT INTO exclusion (destination, phrase, match, channel, lists)
SELECT %(destination)s, n.phrase, n.match, n.channel, string_to_array(n.lists, ' ')
  FROM unnest(%(phrases)s::text[], %(matches)s::text[], %(channels)s::text[], %(lists)s::text[])
       AS n (phrase, match, channel, lists);

-- name: note_exclusions_read
UPDATE upkeep SET done_at = sync_now(), did = %(read)s WHERE task = %(task)s;

-- name: forget_exclusions
UPDATE upkeep SET next_at = sync_now() WHERE task = %(task)s;
