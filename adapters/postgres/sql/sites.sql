-- name: look
SELECT * FROM account_looks WHERE account_id = :account_id AND {mine};

-- name: looks
SELECT * FROM account_looks WHERE organization_id = :organization_id AND {mine} ORDER BY account_id;

-- name: put_look
INSERT INTO account_looks AS l (account_id, organization_id, verified_at, permissions, warnings, looked_at, usage_at,
                                problem, blind, changes)
SELECT a.id, a.organization_id, :verified_at::timestamptz, :permissions::jsonb, :warnings::jsonb,
       :looked_at::timestamptz, :usage_at::timestamptz, :problem::text, :blind::jsonb, :changes::jsonb
FROM accounts a WHERE a.id = :account_id AND a.organization_id = :organization_id AND {mine a}
ON CONFLICT (account_id) DO UPDATE
SET verified_at = excluded.verified_at, permissions = excluded.permissions, warnings = excluded.warnings,
    looked_at = excluded.looked_at, usage_at = excluded.usage_at, problem = excluded.problem, blind = excluded.blind,
    changes = excluded.changes;

-- name: put_clusters
INSERT INTO found_clusters AS f (account_id, region, name, organization_id, arn, status, kubernetes_version, endpoint,
                                 vpc_id, zone_ids, node_count, spot_count, body, seen_at)
SELECT a.id, t.region, t.name, a.organization_id, t.arn, t.status, t.version, t.endpoint, t.vpc, t.zones, t.nodes,
       t.spot, t.body, t.seen
FROM unnest(:region::text[], :name::text[], :arn::text[], :status::text[], :kubernetes_version::text[],
            :endpoint::text[], :vpc_id::text[], :zone_ids::jsonb[], :node_count::integer[], :spot_count::integer[],
            :body::bytea[], :seen_at::timestamptz[])
     AS t (region, name, arn, status, version, endpoint, vpc, zones, nodes, spot, body, seen)
JOIN accounts a ON a.id = :account AND {mine a}
ORDER BY t.region, t.name
ON CONFLICT (account_id, region, name) DO UPDATE
SET arn = excluded.arn, status = excluded.status, kubernetes_version = excluded.kubernetes_version,
    endpoint = excluded.endpoint, vpc_id = excluded.vpc_id, zone_ids = excluded.zone_ids,
    node_count = excluded.node_count, spot_count = excluded.spot_count, body = excluded.body,
    seen_at = excluded.seen_at
WHERE f.seen_at <= excluded.seen_at;

-- name: forget_clusters
DELETE FROM found_clusters
WHERE account_id = :account AND seen_at < :now AND region <> ALL (:blind::text[]) AND {mine};

-- name: clusters
SELECT * FROM found_clusters WHERE account_id = :account_id AND {mine} ORDER BY region, name;

-- name: of_organization
SELECT f.account_id, a.aws_account_id, f.region, f.name, f.status, f.kubernetes_version, f.node_count, f.spot_count,
       f.seen_at, c.id AS cluster_id
FROM found_clusters f
JOIN accounts a ON a.id = f.account_id
LEFT JOIN clusters c ON c.account_id = f.account_id AND c.region = f.region AND c.name = f.name
WHERE f.organization_id = :organization_id AND {mine f}
ORDER BY f.region, f.name, f.account_id;

-- name: account_of_cluster
SELECT a.* FROM accounts a JOIN clusters c ON c.account_id = a.id WHERE c.id = :cluster_id AND {mine c};

-- name: of_cluster
SELECT f.* FROM found_clusters f
JOIN clusters c ON c.account_id = f.account_id AND c.region = f.region AND c.name = f.name
WHERE c.id = :cluster_id AND {mine c};

-- name: connected
SELECT c.id AS cluster_id, c.region, c.name FROM clusters c
JOIN found_clusters f ON f.account_id = c.account_id AND f.region = c.region AND f.name = c.name
WHERE f.account_id = :account_id AND c.status <> 'disconnected' AND {mine c}
ORDER BY c.region, c.name;

-- name: unlinked
SELECT c.id AS cluster_id, c.region, c.name FROM clusters c
JOIN found_clusters f ON f.organization_id = c.organization_id AND f.region = c.region AND f.name = c.name
WHERE f.account_id = :account_id AND c.account_id IS NULL AND c.status <> 'disconnected' AND {mine c}
ORDER BY c.region, c.name;

-- name: link
UPDATE clusters SET account_id = :account_id, updated_at = :now
WHERE id = :cluster_id AND account_id IS NULL AND {mine};

-- name: adopt
UPDATE clusters c
SET vpc_id = f.vpc_id, endpoint = f.endpoint, kubernetes_version = f.kubernetes_version,
    zone_ids = c.zone_ids || f.zone_ids, updated_at = :now
FROM found_clusters f
WHERE f.account_id = c.account_id AND f.region = c.region AND f.name = c.name AND f.account_id = :account_id
  AND c.status <> 'disconnected' AND {mine c}
  AND (c.vpc_id, c.endpoint, c.kubernetes_version) IS DISTINCT FROM (f.vpc_id, f.endpoint, f.kubernetes_version);
