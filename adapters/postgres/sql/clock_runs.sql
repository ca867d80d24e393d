-- name: begin
-- scope: platform
INSERT INTO clock_runs AS r (job, due_at, started_at) VALUES (:job, :due_at, :now)
ON CONFLICT (job, due_at) DO UPDATE SET started_at = excluded.started_at
WHERE r.done_at IS NULL AND r.started_at < :stale_before
RETURNING job;

-- name: finish
-- scope: platform
UPDATE clock_runs SET done_at = :now, error = :error WHERE job = :job AND due_at = :due_at AND done_at IS NULL;

-- name: last_due
-- scope: platform
SELECT max(due_at) AS due_at FROM clock_runs WHERE job = :job AND done_at IS NOT NULL;

-- name: history
-- scope: platform
SELECT * FROM clock_runs WHERE job = :job ORDER BY due_at DESC LIMIT :most;

-- name: prune
-- scope: platform
DELETE FROM clock_runs r WHERE due_at < :due_before AND done_at IS NOT NULL
  AND due_at < (SELECT max(due_at) FROM clock_runs y WHERE y.job = r.job AND y.done_at IS NOT NULL);
