-- name: create
INSERT INTO sagas (id, organization_id, cluster_id, plan_generation, status, reason, version, body, created_at,
                   updated_at, ended_at)
VALUES (:id, :organization_id, :cluster_id, :plan_generation, :status, :reason, :version, :body, :created_at,
        :updated_at, :ended_at)
ON CONFLICT (id) DO NOTHING;

-- name: advance
UPDATE sagas SET status = :status, reason = :reason, version = :version, updated_at = :updated_at, ended_at = :ended_at
WHERE id = :id AND organization_id = :organization_id AND version = :version - 1 AND {mine};

-- name: put_steps
INSERT INTO saga_steps AS s (saga_id, step_id, organization_id, cluster_id, track, kind, subject, status, attempt, token,
                             tries, asked_at, due_at, retry_at, ended_at, result, error)
SELECT * FROM unnest(:saga_id::uuid[], :step_id::text[], :organization_id::uuid[], :cluster_id::uuid[], :track::text[],
                     :kind::text[], :subject::text[], :status::text[], :attempt::smallint[], :token::text[],
                     :tries::integer[], :asked_at::timestamptz[], :due_at::timestamptz[], :retry_at::timestamptz[],
                     :ended_at::timestamptz[], :result::jsonb[], :error::text[])
ON CONFLICT (saga_id, step_id) DO UPDATE
SET status = excluded.status, tries = excluded.tries, asked_at = excluded.asked_at, due_at = excluded.due_at,
    retry_at = excluded.retry_at, ended_at = excluded.ended_at, result = excluded.result, error = excluded.error
WHERE s.organization_id = excluded.organization_id;

-- name: get
SELECT * FROM sagas WHERE id = :saga_id AND {mine};

-- name: steps
SELECT * FROM saga_steps WHERE saga_id = :saga_id AND {mine} ORDER BY asked_at, step_id;

-- name: of_cluster
SELECT * FROM sagas WHERE cluster_id = :cluster_id AND {mine} AND {page created_at id}
ORDER BY created_at DESC, id DESC LIMIT :most;

-- name: open_of_cluster
SELECT * FROM sagas WHERE cluster_id = :cluster_id AND status IN ('running', 'undoing') AND {mine}
ORDER BY created_at, id;

-- name: open_of_clusters
-- scope: platform
SELECT * FROM sagas WHERE cluster_id = ANY (:cluster_ids::uuid[]) AND status IN ('running', 'undoing')
ORDER BY created_at, id;

-- name: open_clusters
-- scope: platform
SELECT DISTINCT cluster_id FROM sagas WHERE status IN ('running', 'undoing') ORDER BY cluster_id;

-- name: launches
SELECT * FROM saga_steps WHERE cluster_id = :cluster_id AND kind = 'launch' AND {mine} ORDER BY asked_at, step_id;

-- name: many
SELECT * FROM sagas WHERE id = ANY (:saga_ids::uuid[]) AND {mine} ORDER BY created_at, id;

-- While an instance that a saga launched runs, the saga is what owns it: whoever sweeps for orphans finds it here.
-- name: prune
-- scope: platform
WITH old AS (
    SELECT s.id FROM sagas s
    WHERE s.ended_at < :ended_before AND NOT EXISTS (
        SELECT FROM saga_steps l, jsonb_path_query(l.result, '$.instances[*].id') launched, instances i
        WHERE l.saga_id = s.id AND l.kind = 'launch' AND i.cluster_id = l.cluster_id
          AND i.instance_id = launched #>> '{}')
    ORDER BY s.ended_at LIMIT :most FOR UPDATE OF s SKIP LOCKED)
DELETE FROM sagas WHERE id = ANY (ARRAY(SELECT id FROM old));
