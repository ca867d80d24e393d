-- name: create
INSERT INTO optimization_jobs (id, organization_id, cluster_id, trigger, status, reason, requested_by, plan_generation,
                               created_at, started_at, finished_at, result, error)
VALUES (:id, :organization_id, :cluster_id, :trigger, :status, :reason, :requested_by, :plan_generation, :created_at,
        :started_at, :finished_at, :result, :error)
ON CONFLICT (id) DO NOTHING;

-- name: get
SELECT * FROM optimization_jobs WHERE id = :job_id AND {mine};

-- name: of_cluster
SELECT * FROM optimization_jobs WHERE cluster_id = :cluster_id AND {mine} AND {page created_at id}
ORDER BY created_at DESC, id DESC LIMIT :most;

-- name: start
UPDATE optimization_jobs SET status = 'running', started_at = :now WHERE id = :job_id AND status = 'queued' AND {mine};

-- name: complete
UPDATE optimization_jobs
SET status = 'completed', finished_at = :now, result = :result,
    plan_generation = coalesce(:plan_generation, plan_generation)
WHERE id = :job_id AND status IN ('queued', 'running') AND {mine};

-- name: fail
UPDATE optimization_jobs SET status = 'failed', finished_at = :now, error = :error
WHERE id = :job_id AND status IN ('queued', 'running') AND {mine};

-- A cluster is due when nobody has had it planned since; the more of these are under way, the fewer are handed out.
-- name: due
-- scope: platform
SELECT c.id AS cluster_id, c.organization_id
FROM clusters c
LEFT JOIN LATERAL (SELECT max(j.created_at) AS at FROM optimization_jobs j WHERE j.cluster_id = c.id) last ON true
WHERE c.status = 'active' AND coalesce(last.at, c.created_at) < :planned_before
ORDER BY coalesce(last.at, c.created_at), c.id
LIMIT greatest(0, :most - (SELECT count(*) FROM optimization_jobs o WHERE o.status IN ('queued', 'running')
                           AND o.trigger = 'schedule' AND o.created_at > :open_since));

-- name: prune
-- scope: platform
WITH old AS (
    SELECT id FROM optimization_jobs WHERE finished_at < :finished_before ORDER BY finished_at LIMIT :most
    FOR UPDATE SKIP LOCKED)
DELETE FROM optimization_jobs WHERE id = ANY (ARRAY(SELECT id FROM old));

-- name: unfinished
-- scope: platform
SELECT * FROM optimization_jobs WHERE status IN ('queued', 'running') AND created_at < :before
ORDER BY created_at, id LIMIT 1000;
