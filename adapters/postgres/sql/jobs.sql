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

-- name: unfinished
-- scope: platform
SELECT * FROM optimization_jobs WHERE status IN ('queued', 'running') AND created_at < :before
ORDER BY created_at, id LIMIT 1000;
