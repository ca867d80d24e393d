-- name: queue
INSERT INTO agent_actions (id, organization_id, cluster_id, kind, payload, status, reason, plan_generation, job_id,
                           created_at, expires_at, nonce, key_id, signature)
SELECT t.id, t.organization_id, t.cluster_id, t.kind, t.payload, 'pending', t.reason, t.plan_generation, t.job_id,
       t.created_at, t.expires_at, t.nonce, t.key_id, t.signature
FROM unnest(:id::uuid[], :organization_id::uuid[], :cluster_id::uuid[], :kind::text[], :payload::jsonb[],
            :reason::text[], :plan_generation::integer[], :job_id::uuid[], :created_at::timestamptz[],
            :expires_at::timestamptz[], :nonce::text[], :key_id::text[], :signature::text[])
     AS t (id, organization_id, cluster_id, kind, payload, reason, plan_generation, job_id, created_at, expires_at,
           nonce, key_id, signature)
ON CONFLICT (id) DO NOTHING
RETURNING id;

-- name: get
SELECT * FROM agent_actions WHERE id = :action_id AND {mine};

-- An array of ids, here and below: joined to them, the planner would read the whole table.
-- name: take_pending
WITH next AS (
    SELECT id FROM agent_actions
    WHERE cluster_id = :cluster_id AND status = 'pending' AND expires_at > :now AND {mine}
    ORDER BY created_at, id LIMIT :most FOR UPDATE SKIP LOCKED
)
UPDATE agent_actions SET status = 'picked_up', picked_up_at = :now WHERE id = ANY (ARRAY(SELECT id FROM next))
RETURNING *;

-- name: have_pending
-- scope: platform
SELECT c.id FROM unnest(:cluster_ids::uuid[]) AS c (id)
WHERE EXISTS (SELECT FROM agent_actions a WHERE a.cluster_id = c.id AND a.status = 'pending' AND a.expires_at > :now);

-- name: record
UPDATE agent_actions SET status = :status, completed_at = :at, result = :result, error = :error
WHERE id = :action_id AND cluster_id = :cluster_id AND status = 'picked_up' AND {mine}
RETURNING *;

-- name: of_cluster_by_id
SELECT * FROM agent_actions WHERE id = :action_id AND cluster_id = :cluster_id AND {mine};

-- name: withdraw
UPDATE agent_actions SET status = 'failed', completed_at = :now, error = :error
WHERE cluster_id = :cluster_id AND id = ANY (:action_ids::uuid[]) AND status = 'pending' AND {mine};

-- name: expire
-- scope: platform
WITH overdue AS (
    SELECT id FROM agent_actions
    WHERE status IN ('pending', 'picked_up') AND expires_at <= :now
      AND (status = 'pending' OR expires_at <= :now - :grace::interval)
    ORDER BY expires_at LIMIT :most FOR UPDATE SKIP LOCKED
)
UPDATE agent_actions SET status = 'expired', completed_at = :now, error = :error
WHERE id = ANY (ARRAY(SELECT id FROM overdue))
RETURNING *;

-- name: of_cluster
SELECT * FROM agent_actions WHERE cluster_id = :cluster_id AND {mine} AND {page created_at id}
ORDER BY created_at DESC, id DESC LIMIT :most;

-- name: open_of_cluster
SELECT * FROM agent_actions WHERE cluster_id = :cluster_id AND status IN ('pending', 'picked_up') AND {mine}
ORDER BY created_at, id;
