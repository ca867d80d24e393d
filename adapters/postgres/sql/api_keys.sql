-- name: create
INSERT INTO api_keys (id, organization_id, cluster_id, key_hash, prefix, label, created_at, last_used_at, expires_at,
                      revoked_at, revoked_reason)
VALUES (:id, :organization_id, :cluster_id, :key_hash, :prefix, :label, :created_at, :last_used_at, :expires_at,
        :revoked_at, :revoked_reason);

-- name: create_signing
INSERT INTO signing_keys (api_key_id, organization_id, cluster_id, key_id, sealed, created_at)
VALUES (:api_key_id, :organization_id, :cluster_id, :key_id, :sealed, :created_at);

-- name: find
-- scope: platform
SELECT k.id AS api_key_id, k.cluster_id, k.organization_id, c.region, c.zone_ids, c.status AS cluster_status,
       o.suspended_at IS NOT NULL AS suspended, k.expires_at, k.revoked_at, k.revoked_reason
FROM api_keys k
JOIN clusters c ON c.id = k.cluster_id
JOIN organizations o ON o.id = k.organization_id
WHERE k.key_hash = :key_hash;

-- name: of_cluster
SELECT * FROM api_keys WHERE cluster_id = :cluster_id AND {mine} ORDER BY created_at DESC, id DESC;

-- name: revoke
UPDATE api_keys SET revoked_at = :now, revoked_reason = :reason WHERE id = :key_id AND revoked_at IS NULL AND {mine};

-- Rows are locked in the order of their ids, so that two batches never wait for each other.
-- name: touch
-- scope: platform
WITH used AS (
    SELECT k.id, u.at FROM unnest(:ids::uuid[], :at::timestamptz[]) AS u (id, at) JOIN api_keys k ON k.id = u.id
    WHERE k.last_used_at IS NULL OR k.last_used_at < u.at
    ORDER BY k.id FOR UPDATE OF k
)
UPDATE api_keys k SET last_used_at = used.at FROM used WHERE k.id = used.id;

-- name: signing_key
SELECT s.* FROM signing_keys s JOIN api_keys k ON k.id = s.api_key_id
WHERE s.cluster_id = :cluster_id AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > :now) AND {mine s}
ORDER BY k.last_used_at DESC NULLS LAST, k.created_at DESC, k.id DESC LIMIT 1;
