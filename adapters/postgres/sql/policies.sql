-- A field that is null has its default: one that was set may go back to it.
-- name: get
SELECT c.id AS cluster_id, c.organization_id, coalesce(p.version, 0) AS version, p.updated_at,
       (SELECT jsonb_object_agg(
            d.section, d.value || jsonb_strip_nulls(coalesce(nullif(to_jsonb(p) -> d.section, 'null'), '{}')))
        FROM default_policies d) AS sections
FROM clusters c LEFT JOIN cluster_policies p ON p.cluster_id = c.id
WHERE c.id = :cluster_id AND {mine c};

-- The row of the policy may not be there yet, so changes of one policy wait for each other at its cluster's.
-- name: lock
SELECT c.id FROM clusters c WHERE c.id = :cluster_id AND {mine c} FOR NO KEY UPDATE;

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
    karpenter = coalesce(coalesce(p.karpenter, '{}') || excluded.karpenter, p.karpenter),
    strategy = coalesce(coalesce(p.strategy, '{}') || excluded.strategy, p.strategy),
    binpack = coalesce(coalesce(p.binpack, '{}') || excluded.binpack, p.binpack),
    fallback = coalesce(coalesce(p.fallback, '{}') || excluded.fallback, p.fallback),
    spread = coalesce(coalesce(p.spread, '{}') || excluded.spread, p.spread),
    rightsize = coalesce(coalesce(p.rightsize, '{}') || excluded.rightsize, p.rightsize),
    buffer = coalesce(coalesce(p.buffer, '{}') || excluded.buffer, p.buffer),
    constraints = coalesce(coalesce(p.constraints, '{}') || excluded.constraints, p.constraints),
    exclusions = coalesce(coalesce(p.exclusions, '{}') || excluded.exclusions, p.exclusions);
