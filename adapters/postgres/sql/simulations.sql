-- name: create
INSERT INTO simulations (id, organization_id, name, status, body, replications, done, summary, error, created_at,
                         updated_at, ended_at)
VALUES (:id, :organization_id, :name, :status, :body, :replications, :done, :summary, :error, :created_at,
        :updated_at, :ended_at);

-- name: get
SELECT * FROM simulations WHERE id = :simulation_id AND {mine};

-- name: of_organization
SELECT * FROM simulations WHERE organization_id = :organization_id AND {mine} AND {page created_at id}
ORDER BY created_at DESC, id DESC LIMIT :most;

-- name: count_open
SELECT count(*) AS number FROM simulations
WHERE organization_id = :organization_id AND ended_at IS NULL AND {mine};

-- name: advance
UPDATE simulations SET status = 'running', done = :done, updated_at = :now
WHERE id = :simulation_id AND ended_at IS NULL AND {mine};

-- name: keep
INSERT INTO simulation_parts (simulation_id, organization_id, batch, body)
SELECT id, organization_id, :batch, :body FROM simulations WHERE id = :simulation_id AND {mine}
ON CONFLICT (simulation_id, batch) DO NOTHING;

-- name: parts
SELECT batch, body FROM simulation_parts WHERE simulation_id = :simulation_id AND {mine} ORDER BY batch;

-- name: touch
UPDATE simulations SET updated_at = :now
WHERE id = :simulation_id AND ended_at IS NULL AND updated_at < :stale_before AND {mine};

-- name: end
UPDATE simulations SET status = :status, summary = :summary, error = :error, updated_at = :now, ended_at = :now
WHERE id = :simulation_id AND ended_at IS NULL AND {mine};

-- name: forget
DELETE FROM simulation_parts WHERE simulation_id = :simulation_id AND {mine};
