-- name: accept
INSERT INTO inbox_events (cluster_id, event_id, organization_id, event_type, priority, body, status, occurred_at,
                          accepted_at)
SELECT DISTINCT ON (t.cluster_id, t.event_id) t.cluster_id, t.event_id, t.organization_id, t.event_type, t.priority,
       t.body, 'accepted', t.occurred_at, t.accepted_at
FROM unnest(:cluster_id::uuid[], :event_id::text[], :organization_id::uuid[], :event_type::text[],
            :priority::smallint[], :body::jsonb[], :occurred_at::timestamptz[], :accepted_at::timestamptz[])
     AS t (cluster_id, event_id, organization_id, event_type, priority, body, occurred_at, accepted_at)
ORDER BY t.cluster_id, t.event_id
ON CONFLICT (cluster_id, event_id) DO NOTHING
RETURNING cluster_id, event_id;

-- name: get
SELECT * FROM inbox_events WHERE cluster_id = :cluster_id AND event_id = :event_id AND {mine};

-- name: claim
UPDATE inbox_events SET status = 'claimed', claimed_until = :until
WHERE cluster_id = :cluster_id AND event_id = :event_id AND {mine}
  AND (status = 'accepted' AND (next_try_at IS NULL OR next_try_at <= :now)
       OR status = 'claimed' AND claimed_until <= :now)
RETURNING *;

-- Rows are found again by their place, which they keep while they are locked.
-- name: claim_next
-- scope: platform
WITH next AS (
    SELECT ctid FROM inbox_events
    WHERE status IN ('accepted', 'claimed') AND (next_try_at IS NULL OR next_try_at <= :now)
      AND (claimed_until IS NULL OR claimed_until <= :now)
    ORDER BY priority, accepted_at LIMIT :most FOR UPDATE SKIP LOCKED
), taken AS (
    UPDATE inbox_events SET status = 'claimed', claimed_until = :until WHERE ctid = ANY (ARRAY(SELECT ctid FROM next))
    RETURNING *
)
SELECT * FROM taken ORDER BY priority, accepted_at, cluster_id, event_id;

-- name: finish
UPDATE inbox_events e SET status = :status, done_at = :now, claimed_until = NULL, last_error = :reason
FROM unnest(:cluster_ids::uuid[], :event_ids::text[]) AS t (cluster_id, event_id)
WHERE e.cluster_id = t.cluster_id AND e.event_id = t.event_id AND e.status IN ('accepted', 'claimed') AND {mine e};

-- name: failed
UPDATE inbox_events
SET tries = tries + 1, last_error = :error, claimed_until = NULL,
    status = CASE WHEN tries + 1 >= :max_tries::integer THEN 'dead' ELSE 'accepted' END,
    done_at = CASE WHEN tries + 1 >= :max_tries::integer THEN :now::timestamptz END,
    next_try_at = CASE WHEN tries + 1 < :max_tries::integer THEN :retry_at::timestamptz END
WHERE cluster_id = :cluster_id AND event_id = :event_id AND status IN ('accepted', 'claimed') AND {mine}
RETURNING *;

-- name: dead_letters
SELECT * FROM inbox_events WHERE status = 'dead' AND {mine} AND {page accepted_at cluster_id}
ORDER BY accepted_at DESC, cluster_id DESC LIMIT :most;

-- name: revive
UPDATE inbox_events SET status = 'accepted', tries = 0, done_at = NULL, next_try_at = NULL, accepted_at = :now
WHERE cluster_id = :cluster_id AND event_id = :event_id AND status = 'dead' AND {mine};

-- name: unfinished
-- scope: platform
SELECT * FROM inbox_events
WHERE status IN ('accepted', 'claimed') AND accepted_at < :accepted_before
  AND (next_try_at IS NULL OR next_try_at <= :now) AND (claimed_until IS NULL OR claimed_until <= :now)
ORDER BY priority, accepted_at, cluster_id, event_id LIMIT :most;

-- name: count_unfinished
-- scope: platform
SELECT priority, count(*) AS number FROM inbox_events WHERE status IN ('accepted', 'claimed') GROUP BY priority;

-- name: prune
-- scope: platform
DELETE FROM inbox_events WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM inbox_events
    WHERE status IN ('done', 'ignored') AND done_at < :done_before LIMIT :most FOR UPDATE SKIP LOCKED
));
