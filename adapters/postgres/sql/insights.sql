-- name: add_savings
INSERT INTO savings_hourly (organization_id, cluster_id, hour, baseline_micro_usd, actual_micro_usd, spot_node_minutes,
                            on_demand_node_minutes, spot_saving_micro_usd)
SELECT DISTINCT ON (t.cluster_id, t.hour) t.organization_id, t.cluster_id, t.hour, t.baseline, t.actual, t.spot,
       t.on_demand, t.spot_saving
FROM unnest(:organization_id::uuid[], :cluster_id::uuid[], :hour::timestamptz[], :baseline_micro_usd::bigint[],
            :actual_micro_usd::bigint[], :spot_node_minutes::integer[], :on_demand_node_minutes::integer[],
            :spot_saving_micro_usd::bigint[])
     WITH ORDINALITY AS t (organization_id, cluster_id, hour, baseline, actual, spot, on_demand, spot_saving, place)
ORDER BY t.cluster_id, t.hour, t.place DESC
ON CONFLICT (cluster_id, hour) DO UPDATE
SET baseline_micro_usd = excluded.baseline_micro_usd, actual_micro_usd = excluded.actual_micro_usd,
    spot_node_minutes = excluded.spot_node_minutes, on_demand_node_minutes = excluded.on_demand_node_minutes,
    spot_saving_micro_usd = excluded.spot_saving_micro_usd;

-- name: prepare_months
-- scope: platform
SELECT coalesce(sum(make_partitions((:today::date + make_interval(months => months))::date)), 0) AS made
FROM generate_series(0, 2) AS months;

-- name: savings
SELECT * FROM savings_hourly
WHERE organization_id = :organization_id AND hour >= :since AND hour < :until AND {mine}
  AND (:cluster_id::uuid IS NULL OR cluster_id = :cluster_id)
ORDER BY hour, cluster_id;

-- name: supersede
UPDATE recommendations r SET status = 'superseded', resolved_at = t.created_at
FROM unnest(:cluster_id::uuid[], :kind::text[], :subject::text[], :created_at::timestamptz[])
     AS t (cluster_id, kind, subject, created_at)
WHERE r.cluster_id = t.cluster_id AND r.kind = t.kind AND r.subject = t.subject AND r.status = 'open' AND {mine r};

-- name: recommend
INSERT INTO recommendations (id, organization_id, cluster_id, kind, subject, status, text, saving_micro_usd_per_month,
                             details, created_at)
SELECT * FROM unnest(:id::uuid[], :organization_id::uuid[], :cluster_id::uuid[], :kind::text[], :subject::text[],
                     :status::text[], :text::text[], :saving_micro_usd_per_month::bigint[], :details::jsonb[],
                     :created_at::timestamptz[]);

-- name: recommendations
SELECT * FROM recommendations WHERE cluster_id = :cluster_id AND status = 'open' AND {mine} AND {page created_at id}
ORDER BY created_at DESC, id DESC LIMIT :most;

-- name: resolve
UPDATE recommendations SET status = :status, resolved_at = :now
WHERE id = :recommendation_id AND status = 'open' AND {mine};

-- name: receive
-- scope: platform
INSERT INTO stripe_events (id, organization_id, event_type, body, received_at)
VALUES (:id, :organization_id, :event_type, :body, :received_at) ON CONFLICT (id) DO NOTHING;

-- name: subscribe
-- scope: platform
INSERT INTO subscriptions AS s (organization_id, plan, status, stripe_customer_id, stripe_subscription_id,
                                period_ends_at, grace_ends_at, updated_at)
VALUES (:organization_id, :plan, :status, :stripe_customer_id, :stripe_subscription_id, :period_ends_at,
        :grace_ends_at, :updated_at)
ON CONFLICT (organization_id) DO UPDATE
SET plan = excluded.plan, status = excluded.status, stripe_customer_id = excluded.stripe_customer_id,
    stripe_subscription_id = excluded.stripe_subscription_id, period_ends_at = excluded.period_ends_at,
    grace_ends_at = excluded.grace_ends_at, updated_at = excluded.updated_at
WHERE s.updated_at < excluded.updated_at;

-- name: subscription
SELECT * FROM subscriptions WHERE organization_id = :organization_id AND {mine};
