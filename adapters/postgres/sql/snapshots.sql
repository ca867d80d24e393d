-- name: put
INSERT INTO cluster_snapshots AS s (cluster_id, organization_id, body, hash, observed_at, stored_at)
VALUES (:cluster_id, :organization_id, :body, :hash, :observed_at, :stored_at)
ON CONFLICT (cluster_id) DO UPDATE
SET body = excluded.body, hash = excluded.hash, observed_at = excluded.observed_at, stored_at = excluded.stored_at
WHERE s.observed_at <= excluded.observed_at AND s.organization_id = excluded.organization_id;

-- name: get
SELECT * FROM cluster_snapshots WHERE cluster_id = :cluster_id AND {mine};

-- name: put_first_state
INSERT INTO cluster_states (cluster_id, organization_id, body, version, stored_at)
VALUES (:cluster_id, :organization_id, :body, :version, :stored_at) ON CONFLICT DO NOTHING;

-- name: put_state
UPDATE cluster_states SET body = :body, version = :version, stored_at = :stored_at
WHERE cluster_id = :cluster_id AND organization_id = :organization_id AND version = :version - 1 AND {mine};

-- name: get_state
SELECT * FROM cluster_states WHERE cluster_id = :cluster_id AND {mine};
