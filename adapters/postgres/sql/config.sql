-- name: all
SELECT key, value FROM system_config ORDER BY key;

-- name: get
SELECT value FROM system_config WHERE key = :key;

-- name: lock
-- scope: platform
SELECT value FROM system_config WHERE key = :key FOR UPDATE;

-- name: set
-- scope: platform
INSERT INTO system_config (key, value, updated_at, updated_by) VALUES (:key, :value, :now, :by)
ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at,
                                updated_by = excluded.updated_by;
