-- name: start_family
INSERT INTO refresh_tokens (id, family_id, user_id, organization_id, token_hash, created_at, expires_at, used_at, revoked_at)
VALUES (:id, :family_id, :user_id, :organization_id, :token_hash, :created_at, :expires_at, :used_at, :revoked_at);

-- name: show
SELECT * FROM refresh_tokens WHERE token_hash = :token_hash AND {mine} FOR UPDATE;

-- name: use
UPDATE refresh_tokens SET used_at = :now WHERE id = :id AND {mine};

-- name: revoke_family
UPDATE refresh_tokens SET revoked_at = :now WHERE family_id = :family_id AND revoked_at IS NULL AND {mine};

-- name: revoke_user
UPDATE refresh_tokens SET revoked_at = :now WHERE user_id = :user_id AND revoked_at IS NULL AND {mine};

-- name: void_earlier
UPDATE one_time_tokens SET used_at = :created_at
WHERE email = :email AND kind = :kind AND used_at IS NULL AND organization_id IS NOT DISTINCT FROM :organization_id
  AND {mine};

-- name: issue
INSERT INTO one_time_tokens (id, kind, token_hash, email, user_id, organization_id, organization_role, created_at,
                             expires_at, used_at)
VALUES (:id, :kind, :token_hash, :email, :user_id, :organization_id, :organization_role, :created_at, :expires_at,
        :used_at);

-- name: redeem
UPDATE one_time_tokens SET used_at = :now
WHERE token_hash = :token_hash AND kind = :kind AND used_at IS NULL AND expires_at > :now AND {mine}
RETURNING *;

-- An answer that has expired makes way for the new one.
-- name: remember
INSERT INTO idempotent_results AS r (organization_id, key, request_hash, status, body, created_at, expires_at)
VALUES (:organization_id, :key, :request_hash, :status, :body, :created_at, :expires_at)
ON CONFLICT (organization_id, key) DO UPDATE
SET request_hash = excluded.request_hash, status = excluded.status, body = excluded.body,
    created_at = excluded.created_at, expires_at = excluded.expires_at
WHERE r.expires_at <= excluded.created_at;

-- name: recall
SELECT * FROM idempotent_results WHERE organization_id = :organization_id AND key = :key AND expires_at > :now AND {mine};

-- name: prune
-- scope: platform
WITH a AS (DELETE FROM refresh_tokens WHERE expires_at <= :now RETURNING 1),
     b AS (DELETE FROM one_time_tokens WHERE expires_at <= :now RETURNING 1),
     c AS (DELETE FROM idempotent_results WHERE expires_at <= :now RETURNING 1)
SELECT (SELECT count(*) FROM a) + (SELECT count(*) FROM b) + (SELECT count(*) FROM c) AS number;
