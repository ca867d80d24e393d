-- name: put_regions
-- scope: platform
INSERT INTO aws_regions AS t (region, name) SELECT * FROM unnest(:region::text[], :name::text[])
ON CONFLICT (region) DO UPDATE SET name = excluded.name WHERE t.name <> excluded.name;

-- name: put_zones
-- scope: platform
INSERT INTO aws_zones AS t (zone_id, region) SELECT * FROM unnest(:zone_id::text[], :region::text[])
ON CONFLICT (zone_id) DO UPDATE SET region = excluded.region WHERE t.region <> excluded.region;

-- name: put_families
-- scope: platform
INSERT INTO instance_families AS t (family, architecture, types, has_gpu, burstable, current_generation)
SELECT * FROM unnest(:family::text[], :architecture::text[], :types::integer[], :has_gpu::boolean[],
                     :burstable::boolean[], :current_generation::boolean[])
ON CONFLICT (family) DO UPDATE
SET architecture = excluded.architecture, types = excluded.types, has_gpu = excluded.has_gpu,
    burstable = excluded.burstable, current_generation = excluded.current_generation
WHERE t.* IS DISTINCT FROM excluded.*;

-- name: put_specs
-- scope: platform
INSERT INTO instance_specs AS t (instance_type, family, architecture, vcpu, memory_mib, pods, gpu_count, gpu_name, nvme_gb,
                                 spot, bare_metal, burstable, current_generation)
SELECT * FROM unnest(:instance_type::text[], :family::text[], :architecture::text[], :vcpu::integer[],
                     :memory_mib::bigint[], :pods::integer[], :gpu_count::integer[], :gpu_name::text[],
                     :nvme_gb::bigint[], :spot::boolean[], :bare_metal::boolean[], :burstable::boolean[],
                     :current_generation::boolean[])
ON CONFLICT (instance_type) DO UPDATE
SET family = excluded.family, architecture = excluded.architecture, vcpu = excluded.vcpu,
    memory_mib = excluded.memory_mib, pods = excluded.pods, gpu_count = excluded.gpu_count,
    gpu_name = excluded.gpu_name, nvme_gb = excluded.nvme_gb, spot = excluded.spot, bare_metal = excluded.bare_metal,
    burstable = excluded.burstable, current_generation = excluded.current_generation
WHERE t.* IS DISTINCT FROM excluded.*;

-- Prices that are younger than the catalogue stay: a price service has written them.
-- name: put_prices
-- scope: platform
INSERT INTO instance_pricing AS t (region, instance_type, zone_id, capacity_type, price_micro_usd_per_h, as_of)
SELECT * FROM unnest(:region::text[], :instance_type::text[], :zone_id::text[], :capacity_type::text[],
                     :price_micro_usd_per_h::bigint[], :as_of::date[])
ON CONFLICT (region, instance_type, capacity_type, zone_id) DO UPDATE
SET price_micro_usd_per_h = excluded.price_micro_usd_per_h, as_of = excluded.as_of
WHERE t.as_of <= excluded.as_of AND t.* IS DISTINCT FROM excluded.*;

-- name: put_rates
-- scope: platform
INSERT INTO interruption_rates AS t (region, instance_type, bucket, probability_per_month, saving_percent, as_of)
SELECT * FROM unnest(:region::text[], :instance_type::text[], :bucket::smallint[], :probability_per_month::float8[],
                     :saving_percent::smallint[], :as_of::date[])
ON CONFLICT (region, instance_type) DO UPDATE
SET bucket = excluded.bucket, probability_per_month = excluded.probability_per_month,
    saving_percent = excluded.saving_percent, as_of = excluded.as_of
WHERE t.as_of <= excluded.as_of AND t.* IS DISTINCT FROM excluded.*;

-- What an admin has changed stays.
-- name: put_config
-- scope: platform
INSERT INTO system_config AS t (key, value, description, updated_at, updated_by)
SELECT c.key, c.value, c.description, :now, 'seed'
FROM unnest(:key::text[], :value::text[], :description::text[]) AS c (key, value, description)
ON CONFLICT (key) DO UPDATE SET description = excluded.description WHERE t.description <> excluded.description;

-- name: put_template
-- scope: platform
INSERT INTO default_templates AS t (name, families, architecture, strategy, on_demand_percent, disk_type, disk_gib,
                                    is_default)
VALUES (:name, :families, :architecture, :strategy, :on_demand_percent, :disk_type, :disk_gib, :is_default)
ON CONFLICT (name) DO UPDATE
SET families = excluded.families, architecture = excluded.architecture, strategy = excluded.strategy,
    on_demand_percent = excluded.on_demand_percent, disk_type = excluded.disk_type, disk_gib = excluded.disk_gib,
    is_default = excluded.is_default
WHERE t.* IS DISTINCT FROM excluded.*;

-- name: put_policies
-- scope: platform
INSERT INTO default_policies AS t (section, value) SELECT * FROM unnest(:section::text[], :value::jsonb[])
ON CONFLICT (section) DO UPDATE SET value = excluded.value WHERE t.value <> excluded.value;

-- Two seeds at once come one after the other, so that there is one admin with one password.
-- name: lock
-- scope: platform
SELECT pg_advisory_xact_lock(hashtext('spotopt seed'));
