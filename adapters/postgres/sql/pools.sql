-- name: add_evidence
-- scope: platform
INSERT INTO pool_evidence (id, organization_id, cluster_id, region, zone_id, instance_type, kind, instance_id, known, at)
SELECT * FROM unnest(:id::uuid[], :organization_id::uuid[], :cluster_id::uuid[], :region::text[], :zone_id::text[],
                     :instance_type::text[], :kind::text[], :instance_id::text[], :known::boolean[], :at::timestamptz[])
ON CONFLICT DO NOTHING
RETURNING id;

-- name: evidence
-- scope: platform
SELECT * FROM pool_evidence
WHERE at >= :since AND (:region::text IS NULL
                        OR region = :region AND zone_id = :zone_id AND instance_type = :instance_type)
ORDER BY at, id LIMIT 10000;

-- name: flag
-- scope: platform
INSERT INTO pool_flags AS f (region, zone_id, instance_type, flagged_at, until, reason)
SELECT DISTINCT ON (t.region, t.zone_id, t.instance_type) t.*
FROM unnest(:region::text[], :zone_id::text[], :instance_type::text[], :flagged_at::timestamptz[],
            :until::timestamptz[], :reason::text[])
     AS t (region, zone_id, instance_type, flagged_at, until, reason)
ORDER BY t.region, t.zone_id, t.instance_type, t.until DESC
ON CONFLICT (region, zone_id, instance_type) DO UPDATE
SET flagged_at = excluded.flagged_at, until = excluded.until, reason = excluded.reason
WHERE f.until < excluded.until;

-- name: unflag
-- scope: platform
WITH spoken AS (DELETE FROM pool_evidence
                WHERE region = :region AND zone_id = :zone_id AND instance_type = :instance_type)
DELETE FROM pool_flags WHERE region = :region AND zone_id = :zone_id AND instance_type = :instance_type;

-- name: flags
-- scope: platform
SELECT * FROM pool_flags WHERE until > :now ORDER BY region, zone_id, instance_type;

-- name: prune
-- scope: platform
WITH a AS (DELETE FROM pool_evidence WHERE at < :before RETURNING 1),
     b AS (DELETE FROM pool_flags WHERE until < :before RETURNING 1)
SELECT (SELECT count(*) FROM a) + (SELECT count(*) FROM b) AS number;
