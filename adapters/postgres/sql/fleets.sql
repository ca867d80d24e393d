-- name: due
-- scope: platform
SELECT c.id AS cluster_id, c.organization_id, c.region, p.id AS plan_id, coalesce(p.mark, '') AS plan_mark
FROM cluster_snapshots s
JOIN clusters c ON c.id = s.cluster_id AND c.status <> 'disconnected'
LEFT JOIN cluster_fleets f ON f.cluster_id = c.id
LEFT JOIN LATERAL (
    SELECT id, generation || ' ' || status AS mark FROM plans WHERE cluster_id = c.id ORDER BY generation DESC LIMIT 1
) p ON true
WHERE f.cluster_id IS NULL OR f.snapshot_hash <> s.hash OR f.plan_mark <> coalesce(p.mark, '') OR f.figured_at < :before
ORDER BY f.figured_at NULLS FIRST, c.id LIMIT :most;

-- name: get
SELECT * FROM cluster_fleets WHERE cluster_id = :cluster_id AND {mine};

-- name: put
INSERT INTO cluster_fleets AS f (cluster_id, organization_id, observed_at, figured_at, snapshot_hash, nodes, spot_nodes,
                                 ready_nodes, unpriced_nodes, pods, pending_pods, workload_mcpu, cost_micro_usd_per_h,
                                 on_demand_micro_usd_per_h, baseline_micro_usd_per_h,
                                 baseline_on_demand_micro_usd_per_h, groups, plan_mark, plan_saving_micro_usd_per_h,
                                 plan_spot_saving_micro_usd_per_h)
VALUES (:cluster_id, :organization_id, :observed_at, :figured_at, :snapshot_hash, :nodes, :spot_nodes, :ready_nodes,
        :unpriced_nodes, :pods, :pending_pods, :workload_mcpu, :cost_micro_usd_per_h, :on_demand_micro_usd_per_h,
        :baseline_micro_usd_per_h, :baseline_on_demand_micro_usd_per_h, :groups, :plan_mark,
        :plan_saving_micro_usd_per_h, :plan_spot_saving_micro_usd_per_h)
ON CONFLICT (cluster_id) DO UPDATE
SET observed_at = excluded.observed_at, figured_at = excluded.figured_at, snapshot_hash = excluded.snapshot_hash,
    nodes = excluded.nodes, spot_nodes = excluded.spot_nodes, ready_nodes = excluded.ready_nodes,
    unpriced_nodes = excluded.unpriced_nodes, pods = excluded.pods, pending_pods = excluded.pending_pods,
    workload_mcpu = excluded.workload_mcpu, cost_micro_usd_per_h = excluded.cost_micro_usd_per_h,
    on_demand_micro_usd_per_h = excluded.on_demand_micro_usd_per_h,
    baseline_micro_usd_per_h = excluded.baseline_micro_usd_per_h,
    baseline_on_demand_micro_usd_per_h = excluded.baseline_on_demand_micro_usd_per_h, groups = excluded.groups,
    plan_mark = excluded.plan_mark, plan_saving_micro_usd_per_h = excluded.plan_saving_micro_usd_per_h,
    plan_spot_saving_micro_usd_per_h = excluded.plan_spot_saving_micro_usd_per_h
WHERE f.organization_id = excluded.organization_id AND f.figured_at <= excluded.figured_at;

-- name: add_rates
INSERT INTO fleet_rates (cluster_id, at, organization_id, cost_micro_usd_per_h, on_demand_micro_usd_per_h,
                         baseline_micro_usd_per_h, baseline_on_demand_micro_usd_per_h, spot_nodes, on_demand_nodes)
VALUES (:cluster_id, :figured_at, :organization_id, :cost_micro_usd_per_h, :on_demand_micro_usd_per_h,
        :baseline_micro_usd_per_h, :baseline_on_demand_micro_usd_per_h, :spot_nodes, :nodes::integer - :spot_nodes)
ON CONFLICT (cluster_id, at) DO NOTHING;

-- name: baseline
SELECT * FROM cluster_baselines WHERE cluster_id = :cluster_id AND {mine};

-- name: set_baseline
INSERT INTO cluster_baselines (cluster_id, organization_id, set_at, groups, workload_mcpu)
VALUES (:cluster_id, :organization_id, :set_at, :groups, :workload_mcpu) ON CONFLICT (cluster_id) DO NOTHING;

-- name: planned
SELECT n ->> 'instance_type' AS instance_type, n ->> 'zone_id' AS zone_id, n ->> 'capacity_type' AS capacity_type,
       count(*)::integer AS nodes
FROM plans p, jsonb_array_elements(p.body -> 'nodes') AS n
WHERE p.id = :plan_id AND p.status = ANY (:open::text[]) AND {mine p} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;

-- name: fill_hour
-- scope: platform
WITH spans AS (
    SELECT r.*, greatest(r.at, :hour) AS since,
           least(coalesce(lead(r.at) OVER (PARTITION BY r.cluster_id ORDER BY r.at), 'infinity'),
                 :hour::timestamptz + interval '1 hour', h.at + make_interval(secs => :unheard_s)) AS until
    FROM fleet_rates r JOIN cluster_heartbeats h ON h.cluster_id = r.cluster_id
), amounts AS (
    SELECT *, extract(epoch FROM until - since) / 3600 AS hours FROM spans WHERE until > since
)
INSERT INTO savings_hourly (organization_id, cluster_id, hour, baseline_micro_usd, actual_micro_usd, spot_node_minutes,
                            on_demand_node_minutes, spot_saving_micro_usd)
SELECT organization_id, cluster_id, :hour, round(sum(baseline_micro_usd_per_h * hours)),
       round(sum(cost_micro_usd_per_h * hours)), round(sum(spot_nodes * hours * 60)),
       round(sum(on_demand_nodes * hours * 60)),
       round(sum((on_demand_micro_usd_per_h - cost_micro_usd_per_h - baseline_on_demand_micro_usd_per_h
                  + baseline_micro_usd_per_h) * hours))
FROM amounts GROUP BY organization_id, cluster_id
ON CONFLICT (cluster_id, hour) DO UPDATE
SET baseline_micro_usd = excluded.baseline_micro_usd, actual_micro_usd = excluded.actual_micro_usd,
    spot_node_minutes = excluded.spot_node_minutes, on_demand_node_minutes = excluded.on_demand_node_minutes,
    spot_saving_micro_usd = excluded.spot_saving_micro_usd;

-- The last row of each cluster still holds.
-- name: prune
-- scope: platform
DELETE FROM fleet_rates r
WHERE r.at < :before AND EXISTS (
    SELECT FROM fleet_rates later WHERE later.cluster_id = r.cluster_id AND later.at > r.at AND later.at < :before);
