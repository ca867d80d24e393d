-- Figures are read and plans looked up only for the rows of the page.
-- name: table
WITH found AS (
    SELECT c.*, h.at AS last_heartbeat_at, coalesce(h.agent_version, '') AS agent_version,
           coalesce(h.node_count, 0) AS node_count, coalesce(s.strategy ->> 'mode', 'recommend') AS mode,
           f.observed_at AS fleet_observed_at, f.nodes, f.spot_nodes, f.ready_nodes, f.unpriced_nodes, f.pods,
           f.pending_pods, f.cost_micro_usd_per_h, f.baseline_micro_usd_per_h
    FROM clusters c
    LEFT JOIN cluster_heartbeats h ON h.cluster_id = c.id
    LEFT JOIN cluster_fleets f ON f.cluster_id = c.id
    LEFT JOIN cluster_policies s ON s.cluster_id = c.id
    WHERE c.organization_id = :organization_id AND {mine c}
      AND (:words::text = '' OR strpos(lower(c.name), lower(:words)) > 0)
      AND (cardinality(:statuses::text[]) = 0 OR c.status = ANY (:statuses))
      AND (cardinality(:regions::text[]) = 0 OR c.region = ANY (:regions))
), keyed AS (
    SELECT *, count(*) OVER () AS total,
           CASE :sort::text
               WHEN 'nodes' THEN nodes WHEN 'pods' THEN pods WHEN 'cost' THEN cost_micro_usd_per_h
               WHEN 'saving' THEN baseline_micro_usd_per_h - cost_micro_usd_per_h
               WHEN 'spot_share' THEN spot_nodes::numeric / nullif(nodes, 0)
               WHEN 'heartbeat' THEN extract(epoch FROM last_heartbeat_at)
               WHEN 'created' THEN extract(epoch FROM created_at)
           END AS number,
           CASE :sort WHEN 'name' THEN lower(name) WHEN 'region' THEN region WHEN 'status' THEN status END AS word
    FROM found WHERE cardinality(:modes::text[]) = 0 OR mode = ANY (:modes)
), placed AS (
    SELECT *, row_number() OVER (
        ORDER BY number * CASE WHEN :descending::boolean THEN -1 ELSE 1 END NULLS LAST,
                 CASE WHEN :descending THEN word END DESC, CASE WHEN NOT :descending THEN word END,
                 created_at DESC, id DESC) AS place
    FROM keyed
)
SELECT placed.*, p.id AS plan_id, p.generation, p.status AS plan_status, p.created_at AS plan_created_at,
       p.cost_micro_usd_per_h - p.planned_cost_micro_usd_per_h AS plan_saving
FROM placed
LEFT JOIN LATERAL (SELECT * FROM plans WHERE cluster_id = placed.id ORDER BY generation DESC LIMIT 1) p ON true
WHERE place > :skip::bigint AND place <= :skip + :most::bigint ORDER BY place;

-- name: count
SELECT count(*) AS total FROM clusters c LEFT JOIN cluster_policies s ON s.cluster_id = c.id
WHERE c.organization_id = :organization_id AND {mine c}
  AND (:words::text = '' OR strpos(lower(c.name), lower(:words)) > 0)
  AND (cardinality(:statuses::text[]) = 0 OR c.status = ANY (:statuses))
  AND (cardinality(:regions::text[]) = 0 OR c.region = ANY (:regions))
  AND (cardinality(:modes::text[]) = 0 OR coalesce(s.strategy ->> 'mode', 'recommend') = ANY (:modes));

-- name: statuses
SELECT status, count(*) AS clusters FROM clusters WHERE organization_id = :organization_id AND {mine} GROUP BY status;

-- name: totals
SELECT coalesce(sum(f.nodes), 0) AS nodes, coalesce(sum(f.spot_nodes), 0) AS spot_nodes,
       coalesce(sum(f.ready_nodes), 0) AS ready_nodes, coalesce(sum(f.unpriced_nodes), 0) AS unpriced_nodes,
       coalesce(sum(f.pods), 0) AS pods, coalesce(sum(f.pending_pods), 0) AS pending_pods,
       coalesce(sum(f.cost_micro_usd_per_h), 0)::bigint AS cost_micro_usd_per_h,
       coalesce(sum(f.on_demand_micro_usd_per_h), 0)::bigint AS on_demand_micro_usd_per_h,
       coalesce(sum(f.baseline_micro_usd_per_h), 0)::bigint AS baseline_micro_usd_per_h,
       coalesce(sum(f.baseline_on_demand_micro_usd_per_h), 0)::bigint AS baseline_on_demand_micro_usd_per_h,
       count(*) FILTER (WHERE f.plan_saving_micro_usd_per_h <> 0) AS open_plans,
       coalesce(sum(f.plan_saving_micro_usd_per_h), 0)::bigint AS plan_saving_micro_usd_per_h,
       coalesce(sum(f.plan_spot_saving_micro_usd_per_h), 0)::bigint AS plan_spot_saving_micro_usd_per_h
FROM cluster_fleets f JOIN clusters c ON c.id = f.cluster_id AND c.status <> 'disconnected'
WHERE f.organization_id = :organization_id AND {mine f};

-- name: groups
SELECT g.instance_type, g.zone_id, g.capacity_type, g.priced, sum(g.nodes)::integer AS nodes,
       sum(g.cost)::bigint AS cost, sum(g.on_demand)::bigint AS on_demand
FROM cluster_fleets f
JOIN clusters c ON c.id = f.cluster_id AND c.status <> 'disconnected',
jsonb_to_recordset(f.groups) AS g (instance_type text, zone_id text, capacity_type text, nodes integer, cost bigint,
                                   on_demand bigint, priced boolean)
WHERE f.organization_id = :organization_id AND {mine f}
GROUP BY g.instance_type, g.zone_id, g.capacity_type, g.priced
ORDER BY sum(g.cost) DESC, g.instance_type, g.zone_id, g.capacity_type;

-- name: months
SELECT date_trunc('month', hour AT TIME ZONE 'UTC')::date AS month, sum(actual_micro_usd)::bigint AS actual_micro_usd,
       sum(baseline_micro_usd)::bigint AS baseline_micro_usd,
       sum(spot_saving_micro_usd)::bigint AS spot_saving_micro_usd
FROM savings_hourly
WHERE organization_id = :organization_id AND {mine} AND hour < :until
  AND hour >= date_trunc('month', :since::date::timestamp) AT TIME ZONE 'UTC'
GROUP BY 1 ORDER BY 1;

-- name: running
WITH spans AS (
    SELECT r.*, greatest(r.at, :hour) AS since,
           least(coalesce(lead(r.at) OVER (PARTITION BY r.cluster_id ORDER BY r.at), 'infinity'), :now,
                 h.at + make_interval(secs => :unheard_s)) AS until
    FROM fleet_rates r JOIN cluster_heartbeats h ON h.cluster_id = r.cluster_id
    WHERE r.organization_id = :organization_id AND {mine r}
), amounts AS (
    SELECT *, extract(epoch FROM until - since) / 3600 AS hours FROM spans WHERE until > since
)
SELECT coalesce(round(sum(cost_micro_usd_per_h * hours)), 0)::bigint AS actual_micro_usd,
       coalesce(round(sum(baseline_micro_usd_per_h * hours)), 0)::bigint AS baseline_micro_usd,
       coalesce(round(sum((on_demand_micro_usd_per_h - cost_micro_usd_per_h - baseline_on_demand_micro_usd_per_h
                           + baseline_micro_usd_per_h) * hours)), 0)::bigint AS spot_saving_micro_usd
FROM amounts;

-- Each part reads its newest rows by an index of its own; ids are made of what each row is known by.
-- name: activity
WITH happened AS (
    (SELECT * FROM (
        SELECT id, created_at AS at, 'plan_made' AS kind, status AS what, cluster_id, '' AS subject, status, status_reason
               AS reason, id AS plan_id, generation, cost_micro_usd_per_h - planned_cost_micro_usd_per_h AS saving
        FROM plans WHERE organization_id = :organization_id AND {mine}) x
     WHERE x.at <= coalesce(:after_at, 'infinity'::timestamptz) AND {page x.at x.id} ORDER BY x.at DESC, x.id DESC LIMIT :most)
    UNION ALL
    (SELECT * FROM (
        SELECT md5(id || 'approved')::uuid AS id, accepted_at AS at, 'plan_approved' AS kind, status AS what, cluster_id,
               '' AS subject, status, status_reason AS reason, id AS plan_id, generation,
               cost_micro_usd_per_h - planned_cost_micro_usd_per_h AS saving
        FROM plans WHERE organization_id = :organization_id AND accepted_at IS NOT NULL AND {mine}) x
     WHERE x.at <= coalesce(:after_at, 'infinity'::timestamptz) AND {page x.at x.id} ORDER BY x.at DESC, x.id DESC LIMIT :most)
    UNION ALL
    (SELECT * FROM (
        SELECT md5(id || 'ended')::uuid AS id, updated_at AS at, 'plan_ended' AS kind, status AS what, cluster_id,
               '' AS subject, status, status_reason AS reason, id AS plan_id, generation,
               cost_micro_usd_per_h - planned_cost_micro_usd_per_h AS saving
        FROM plans WHERE organization_id = :organization_id AND updated_at IS NOT NULL AND {mine}
          AND status IN ('done', 'failed', 'dry_run', 'rejected')) x
     WHERE x.at <= coalesce(:after_at, 'infinity'::timestamptz) AND {page x.at x.id} ORDER BY x.at DESC, x.id DESC LIMIT :most)
    UNION ALL
    (SELECT * FROM (
        SELECT id, created_at AS at, 'action' AS kind, kind AS what, cluster_id,
               concat_ws('/', payload ->> 'namespace', payload ->> 'pod', payload ->> 'name', payload ->> 'node')
               AS subject, status, coalesce(nullif(error, ''), reason) AS reason, NULL::uuid AS plan_id,
               plan_generation AS generation, NULL::bigint AS saving
        FROM agent_actions WHERE organization_id = :organization_id AND {mine}) x
     WHERE x.at <= coalesce(:after_at, 'infinity'::timestamptz) AND {page x.at x.id} ORDER BY x.at DESC, x.id DESC LIMIT :most)
    UNION ALL
    (SELECT * FROM (
        SELECT md5(t.saga_id || t.step_id)::uuid AS id, t.asked_at AS at, 'aws' AS kind, t.kind AS what, t.cluster_id,
               t.subject, t.status, t.error AS reason, NULL::uuid AS plan_id, s.plan_generation AS generation,
               NULL::bigint AS saving
        FROM saga_steps t JOIN sagas s ON s.id = t.saga_id
        WHERE t.organization_id = :organization_id AND t.kind IN ('launch', 'terminate') AND {mine t}) x
     WHERE x.at <= coalesce(:after_at, 'infinity'::timestamptz) AND {page x.at x.id} ORDER BY x.at DESC, x.id DESC LIMIT :most)
    UNION ALL
    (SELECT * FROM (
        SELECT md5(cluster_id || event_id)::uuid AS id, accepted_at AS at, 'event' AS kind, event_type AS what, cluster_id,
               coalesce(nullif(concat_ws('/', body ->> 'namespace', body ->> 'pod_name'), ''),
                        nullif(body ->> 'node_name', ''), body ->> 'instance_id', '') AS subject,
               status, concat_ws(' in ', body ->> 'instance_type', body ->> 'availability_zone') AS reason,
               NULL::uuid AS plan_id, NULL::integer AS generation, NULL::bigint AS saving
        FROM inbox_events WHERE organization_id = :organization_id AND {mine}) x
     WHERE x.at <= coalesce(:after_at, 'infinity'::timestamptz) AND {page x.at x.id} ORDER BY x.at DESC, x.id DESC LIMIT :most)
    UNION ALL
    (SELECT * FROM (
        SELECT md5(p.region || p.zone_id || p.instance_type)::uuid AS id, p.flagged_at AS at, 'flag' AS kind,
               'pool_flagged' AS what, NULL::uuid AS cluster_id, p.instance_type || ' in ' || p.zone_id AS subject,
               'flagged' AS status, '' AS reason, NULL::uuid AS plan_id, NULL::integer AS generation,
               NULL::bigint AS saving
        FROM pool_flags p
        WHERE p.region IN (SELECT region FROM clusters WHERE organization_id = :organization_id AND {mine})) x
     WHERE x.at <= coalesce(:after_at, 'infinity'::timestamptz) AND {page x.at x.id} ORDER BY x.at DESC, x.id DESC LIMIT :most)
)
SELECT h.id, h.at, h.kind, h.what, h.cluster_id, coalesce(c.name, '') AS cluster_name, h.subject, h.status, h.reason,
       h.plan_id, h.generation, h.saving AS saving_micro_usd_per_h
FROM happened h LEFT JOIN clusters c ON c.id = h.cluster_id
ORDER BY h.at DESC, h.id DESC LIMIT :most;

-- name: clients
-- scope: platform
SELECT o.id, o.name, o.created_at, o.suspended_at,
       (SELECT count(*) FROM users u WHERE u.organization_id = o.id) AS users,
       (SELECT count(*) FROM clusters c WHERE c.organization_id = o.id) AS clusters,
       f.nodes, f.cost AS cost_micro_usd_per_h, f.baseline AS baseline_micro_usd_per_h
FROM organizations o
CROSS JOIN LATERAL (
    SELECT coalesce(sum(nodes), 0) AS nodes, coalesce(sum(cost_micro_usd_per_h), 0)::bigint AS cost,
           coalesce(sum(baseline_micro_usd_per_h), 0)::bigint AS baseline
    FROM cluster_fleets WHERE organization_id = o.id
) f
WHERE {page o.created_at o.id} ORDER BY o.created_at DESC, o.id DESC LIMIT :most;

-- name: platform
-- scope: platform
SELECT (SELECT count(*) FROM organizations) AS organizations,
       (SELECT count(*) FROM users WHERE organization_id IS NOT NULL) AS users,
       (SELECT count(*) FROM clusters) AS clusters,
       (SELECT count(*) FROM clusters WHERE status = 'active') AS clusters_active,
       (SELECT count(*) FROM clusters WHERE status = 'silent') AS clusters_silent,
       (SELECT count(*) FROM plans WHERE created_at >= :now::timestamptz - interval '1 day') AS plans_last_day,
       (SELECT count(*) FROM pool_flags WHERE until > :now) AS pools_flagged,
       coalesce(sum(f.nodes), 0) AS nodes, coalesce(sum(f.spot_nodes), 0) AS spot_nodes,
       coalesce(sum(f.pods), 0) AS pods, coalesce(sum(f.cost_micro_usd_per_h), 0)::bigint AS cost_micro_usd_per_h,
       coalesce(sum(f.baseline_micro_usd_per_h), 0)::bigint AS baseline_micro_usd_per_h
FROM cluster_fleets f;
