-- name: append
-- scope: platform
INSERT INTO spot_price_history (region, zone_id, instance_type, at, price_micro_usd_per_h)
SELECT * FROM unnest(:region::text[], :zone_id::text[], :instance_type::text[], :at::timestamptz[], :price::bigint[])
ON CONFLICT DO NOTHING;

-- name: last
-- scope: platform
SELECT DISTINCT ON (zone_id, instance_type) region, zone_id, instance_type, at, price_micro_usd_per_h
FROM spot_price_history WHERE region = :region AND at >= :since
ORDER BY zone_id, instance_type, at DESC;

-- name: put_prices
-- scope: platform
INSERT INTO instance_pricing AS t (region, instance_type, zone_id, capacity_type, price_micro_usd_per_h, as_of)
SELECT r.region, s.instance_type, z.zone_id, :capacity_type::text, p.price, :as_of::date
FROM unnest(:instance_type::text[], :zone_id::text[], :price::bigint[]) AS p (instance_type, zone_id, price)
JOIN aws_regions r ON r.region = :region
JOIN instance_specs s ON s.instance_type = p.instance_type
LEFT JOIN aws_zones z ON z.zone_id = p.zone_id
WHERE p.zone_id IS NULL OR z.zone_id IS NOT NULL
ORDER BY s.instance_type, z.zone_id
ON CONFLICT (region, instance_type, capacity_type, zone_id) DO UPDATE
SET price_micro_usd_per_h = excluded.price_micro_usd_per_h, as_of = excluded.as_of
WHERE t.as_of <= excluded.as_of
  AND (t.price_micro_usd_per_h, t.as_of) IS DISTINCT FROM (excluded.price_micro_usd_per_h, excluded.as_of);

-- name: on_demand
-- scope: platform
SELECT instance_type, price_micro_usd_per_h FROM instance_pricing
WHERE region = :region AND capacity_type = 'on-demand' AND zone_id IS NULL;

-- name: put_rates
-- scope: platform
INSERT INTO interruption_rates AS t (region, instance_type, bucket, probability_per_month, saving_percent, as_of)
SELECT r.region, s.instance_type, p.bucket, p.probability, p.saving, p.as_of
FROM unnest(:region::text[], :instance_type::text[], :bucket::smallint[], :probability_per_month::float8[],
            :saving_percent::smallint[], :as_of::date[])
     AS p (region, instance_type, bucket, probability, saving, as_of)
JOIN aws_regions r ON r.region = p.region
JOIN instance_specs s ON s.instance_type = p.instance_type
ORDER BY r.region, s.instance_type
ON CONFLICT (region, instance_type) DO UPDATE
SET bucket = excluded.bucket, probability_per_month = excluded.probability_per_month,
    saving_percent = excluded.saving_percent, as_of = excluded.as_of
WHERE t.as_of <= excluded.as_of AND t.* IS DISTINCT FROM excluded.*;

-- name: rates
-- scope: platform
SELECT * FROM interruption_rates WHERE region = :region ORDER BY instance_type;

-- name: note
-- scope: platform
INSERT INTO market_ages AS t (region, source, had_at, tried_at, problem)
SELECT * FROM unnest(:region::text[], :source::text[], :had_at::timestamptz[], :tried_at::timestamptz[],
                     :problem::text[])
ON CONFLICT (region, source) DO UPDATE
SET had_at = coalesce(excluded.had_at, t.had_at), tried_at = excluded.tried_at, problem = excluded.problem;

-- name: ages
-- scope: platform
SELECT * FROM market_ages ORDER BY region, source;

-- name: regions_in_use
-- scope: platform
SELECT region FROM clusters WHERE status <> 'disconnected' UNION SELECT region FROM found_clusters ORDER BY region;
