-- name: create
INSERT INTO clusters (id, organization_id, account_id, name, region, vpc_id, endpoint, kubernetes_version, zone_ids,
                      status, created_at, updated_at)
VALUES (:id, :organization_id, :account_id, :name, :region, :vpc_id, :endpoint, :kubernetes_version, :zone_ids,
        :status, :created_at, :updated_at);

-- name: get
SELECT c.*, h.at AS last_heartbeat_at, coalesce(h.agent_version, '') AS agent_version,
       coalesce(h.node_count, 0) AS node_count
FROM clusters c LEFT JOIN cluster_heartbeats h ON h.cluster_id = c.id
WHERE c.id = :cluster_id AND {mine c};

-- name: page
SELECT c.*, h.at AS last_heartbeat_at, coalesce(h.agent_version, '') AS agent_version,
       coalesce(h.node_count, 0) AS node_count
FROM clusters c LEFT JOIN cluster_heartbeats h ON h.cluster_id = c.id
WHERE c.organization_id = :organization_id AND {mine c} AND {page c.created_at c.id}
ORDER BY c.created_at DESC, c.id DESC LIMIT :most;

-- name: all_keys
-- scope: platform
SELECT id AS cluster_id, organization_id FROM clusters WHERE status <> 'disconnected' ORDER BY id;

-- name: linked
-- scope: platform
SELECT id AS cluster_id, organization_id FROM clusters WHERE account_id IS NOT NULL AND status <> 'disconnected'
ORDER BY id;

-- name: set_status
UPDATE clusters SET status = :status, updated_at = :now WHERE id = :cluster_id AND status <> :status AND {mine};

-- name: register
UPDATE clusters
SET kubernetes_version = :kubernetes_version, zone_ids = :zone_ids, status = 'active', updated_at = :now
WHERE id = :cluster_id AND status <> 'disconnected' AND {mine};

-- Locks are taken in the order of the ids, so that two batches never wait for each other.
-- name: beat
-- scope: platform
WITH told AS (
    SELECT DISTINCT ON (t.cluster_id) t.*
    FROM unnest(:cluster_id::uuid[], :organization_id::uuid[], :at::timestamptz[], :agent_version::text[],
                :node_count::integer[], :details::jsonb[])
         AS t (cluster_id, organization_id, at, agent_version, node_count, details)
    ORDER BY t.cluster_id, t.at DESC
), known AS (
    SELECT told.*, c.status FROM told
    JOIN clusters c ON c.id = told.cluster_id AND c.organization_id = told.organization_id
    WHERE c.status <> 'disconnected'
), kept AS (
    INSERT INTO cluster_heartbeats AS h (cluster_id, organization_id, at, agent_version, node_count, details)
    SELECT cluster_id, organization_id, at, agent_version, node_count, details FROM known ORDER BY cluster_id
    ON CONFLICT (cluster_id) DO UPDATE
    SET at = excluded.at, agent_version = excluded.agent_version, node_count = coalesce(nullif(excluded.node_count, 0), h.node_count),
        details = excluded.details
    WHERE h.at < excluded.at
    RETURNING cluster_id
)
UPDATE clusters c SET status = 'active', updated_at = known.at
FROM known JOIN kept USING (cluster_id)
WHERE c.id = known.cluster_id AND known.status IN ('pending', 'silent')
RETURNING c.id;

-- name: silence
-- scope: platform
UPDATE clusters c SET status = 'silent', updated_at = :now
FROM cluster_heartbeats h
WHERE h.cluster_id = c.id AND c.status = 'active' AND h.at < :before
RETURNING c.id AS cluster_id, c.organization_id;

-- name: delete
DELETE FROM clusters WHERE id = :cluster_id AND {mine};

-- name: put_instances
INSERT INTO instances AS i (cluster_id, instance_id, organization_id, instance_type, lifecycle, zone_name, zone_id,
                            price_micro_usd_per_h, cpu_utilization, memory_utilization, seen_at)
SELECT c.id, t.instance_id, c.organization_id, t.instance_type, t.lifecycle, t.zone_name, t.zone_id, t.price, t.cpu,
       t.memory, :seen
FROM unnest(:instance_id::text[], :instance_type::text[], :lifecycle::text[], :zone_name::text[], :zone_id::text[],
            :price_micro_usd_per_h::bigint[], :cpu_utilization::float8[], :memory_utilization::float8[])
     AS t (instance_id, instance_type, lifecycle, zone_name, zone_id, price, cpu, memory)
JOIN clusters c ON c.id = :cluster AND {mine c}
ORDER BY t.instance_id
ON CONFLICT (cluster_id, instance_id) DO UPDATE
SET instance_type = excluded.instance_type, lifecycle = excluded.lifecycle, zone_name = excluded.zone_name,
    zone_id = excluded.zone_id, price_micro_usd_per_h = excluded.price_micro_usd_per_h,
    cpu_utilization = excluded.cpu_utilization, memory_utilization = excluded.memory_utilization,
    seen_at = excluded.seen_at
WHERE i.seen_at <= excluded.seen_at;

-- name: forget_instances
DELETE FROM instances WHERE cluster_id = :cluster AND seen_at < :seen AND {mine};

-- name: instances
SELECT * FROM instances WHERE cluster_id = :cluster_id AND {mine} ORDER BY instance_id;

-- name: owners_of
SELECT instance_id, cluster_id FROM instances WHERE instance_id = ANY (:instance_ids::text[]) AND {mine};
