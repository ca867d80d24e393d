-- name: get
SELECT c.id AS cluster_id, c.organization_id, coalesce(p.version, 0) AS version, p.updated_at,
       (SELECT jsonb_object_agg(d.section, coalesce(nullif(to_jsonb(p) -> d.section, 'null'), d.value))
        FROM default_policies d) AS sections
FROM clusters c LEFT JOIN cluster_policies p ON p.cluster_id = c.id
WHERE c.id = :cluster_id AND {mine c};

-- One statement per section would say the same nine times.
-- name: set_section
INSERT INTO cluster_policies AS p (cluster_id, organization_id, version, updated_at, karpenter, strategy, binpack,
                                   fallback, spread, rightsize, buffer, constraints, exclusions)
SELECT c.id, c.organization_id, 1, :now, s.v -> 'karpenter', s.v -> 'strategy', s.v -> 'binpack', s.v -> 'fallback',
       s.v -> 'spread', s.v -> 'rightsize', s.v -> 'buffer', s.v -> 'constraints', s.v -> 'exclusions'
FROM clusters c, (SELECT :section::jsonb AS v) s
WHERE c.id = :cluster_id AND {mine c}
ON CONFLICT (cluster_id) DO UPDATE
SET version = p.version + 1, updated_at = excluded.updated_at,
    karpenter = coalesce(excluded.karpenter, p.karpenter), strategy = coalesce(excluded.strategy, p.strategy),
    binpack = coalesce(excluded.binpack, p.binpack), fallback = coalesce(excluded.fallback, p.fallback),
    spread = coalesce(excluded.spread, p.spread), rightsize = coalesce(excluded.rightsize, p.rightsize),
    buffer = coalesce(excluded.buffer, p.buffer), constraints = coalesce(excluded.constraints, p.constraints),
    exclusions = coalesce(excluded.exclusions, p.exclusions);
