-- Plans of one cluster are kept and accepted one after the other.
-- name: lock
SELECT id FROM clusters WHERE id = :cluster_id AND {mine} FOR NO KEY UPDATE;

-- name: standing
SELECT coalesce(max(generation), 0) AS last, max(generation) FILTER (WHERE accepted_at IS NOT NULL) AS accepted,
       max(id::text) FILTER (WHERE generation = :generation) AS same_generation
FROM plans WHERE cluster_id = :cluster_id AND {mine};

-- name: insert
INSERT INTO plans (id, organization_id, cluster_id, generation, parent, job_id, body, cost_micro_usd_per_h,
                   planned_cost_micro_usd_per_h, lower_bound_micro_usd_per_h, observed_at, created_at, status,
                   status_reason, accepted_at, updated_at)
VALUES (:id, :organization_id, :cluster_id, :generation, :parent, :job_id, :body, :cost_micro_usd_per_h,
        :planned_cost_micro_usd_per_h, :lower_bound_micro_usd_per_h, :observed_at, :created_at, :status,
        :status_reason, :accepted_at, :updated_at);

-- name: set_status
UPDATE plans SET status = :status, status_reason = :reason, updated_at = :now
WHERE cluster_id = :cluster_id AND generation = :generation AND {mine};

-- name: accept
UPDATE plans SET status = 'accepted', status_reason = :reason, accepted_at = :now, updated_at = :now
WHERE cluster_id = :cluster_id AND generation = :generation AND accepted_at IS NULL AND {mine}
RETURNING *;

-- name: get
SELECT * FROM plans WHERE id = :plan_id AND {mine};

-- name: by_generation
SELECT * FROM plans WHERE cluster_id = :cluster_id AND generation = :generation AND {mine};

-- name: accepted
SELECT * FROM plans WHERE cluster_id = :cluster_id AND accepted_at IS NOT NULL AND {mine}
ORDER BY generation DESC LIMIT 1;

-- name: of_cluster
SELECT id, organization_id, cluster_id, generation, parent, job_id, '{}'::jsonb AS body, cost_micro_usd_per_h,
       planned_cost_micro_usd_per_h, lower_bound_micro_usd_per_h, observed_at, created_at, status, status_reason,
       accepted_at, updated_at
FROM plans WHERE cluster_id = :cluster_id AND {mine} AND {page created_at id}
ORDER BY created_at DESC, id DESC LIMIT :most;

-- What nobody has accepted; the newest of a cluster stays, from which its numbers go on.
-- name: prune
-- scope: platform
WITH old AS (
    SELECT p.id FROM plans p
    WHERE p.accepted_at IS NULL AND p.created_at < :made_before AND p.status <> 'awaiting_approval'
      AND p.generation < (SELECT max(n.generation) FROM plans n WHERE n.cluster_id = p.cluster_id)
    ORDER BY p.created_at LIMIT :most FOR UPDATE OF p SKIP LOCKED)
DELETE FROM plans WHERE id = ANY (ARRAY(SELECT id FROM old));
