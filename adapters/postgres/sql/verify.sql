-- Each row is a check: its kind, its name, the number found, the least and the most that pass.
-- name: checks
-- scope: platform
SELECT * FROM (
    SELECT 'count' AS kind, 'aws_regions' AS name, count(*) AS found, 15 AS least, 15 AS most FROM aws_regions
    UNION ALL SELECT 'count', 'aws_zones', count(*), 30, 200 FROM aws_zones
    UNION ALL SELECT 'count', 'instance_families', count(*), 50, NULL FROM instance_families
    UNION ALL SELECT 'count', 'instance_specs', count(*), 500, NULL FROM instance_specs
    UNION ALL SELECT 'count', 'instance_pricing', count(*), 10000, NULL FROM instance_pricing
    UNION ALL SELECT 'count', 'interruption_rates', count(*), 5000, NULL FROM interruption_rates
    UNION ALL SELECT 'count', 'system_config', count(*), 6, NULL FROM system_config
    UNION ALL SELECT 'count', 'default_templates', count(*), 5, 5 FROM default_templates
    UNION ALL SELECT 'count', 'default_templates that are the default', count(*), 1, 1
        FROM default_templates WHERE is_default
    UNION ALL SELECT 'count', 'default_policies', count(*), 9, 9 FROM default_policies
    UNION ALL SELECT 'count', 'super admins', count(*), 1, NULL FROM users WHERE role = 'super_admin'
    UNION ALL SELECT 'count', 'regions without two zones', count(*), 0, 0 FROM aws_regions r
        WHERE (SELECT count(*) FROM aws_zones z WHERE z.region = r.region) < 2
    UNION ALL SELECT 'count', 'regions with fewer than 200 on-demand prices', count(*), 0, 0 FROM aws_regions r
        WHERE (SELECT count(*) FROM instance_pricing p WHERE p.region = r.region AND capacity_type = 'on-demand') < 200
    UNION ALL SELECT 'count', 'regions with fewer than 200 Spot prices', count(*), 0, 0 FROM aws_regions r
        WHERE (SELECT count(*) FROM instance_pricing p WHERE p.region = r.region AND capacity_type = 'spot') < 200
    UNION ALL SELECT 'count', 'default_templates without any known family', count(*), 0, 0 FROM default_templates t
        WHERE NOT EXISTS (SELECT FROM instance_families i
                          WHERE i.family = ANY (t.families) AND i.architecture = t.architecture)
    UNION ALL SELECT 'nulls', 'aws_regions', count(*) FILTER (WHERE num_nulls(region, name) > 0), 0, 0 FROM aws_regions
    UNION ALL SELECT 'nulls', 'aws_zones', count(*) FILTER (WHERE num_nulls(zone_id, region) > 0), 0, 0 FROM aws_zones
    UNION ALL SELECT 'nulls', 'instance_families', count(*) FILTER (WHERE NOT t.* IS NOT NULL), 0, 0
        FROM instance_families t
    UNION ALL SELECT 'nulls', 'instance_specs', count(*) FILTER (WHERE NOT t.* IS NOT NULL), 0, 0 FROM instance_specs t
    UNION ALL SELECT 'nulls', 'instance_pricing',
        count(*) FILTER (WHERE num_nulls(region, instance_type, capacity_type, price_micro_usd_per_h, as_of) > 0), 0, 0
        FROM instance_pricing
    UNION ALL SELECT 'nulls', 'interruption_rates', count(*) FILTER (WHERE NOT t.* IS NOT NULL), 0, 0
        FROM interruption_rates t
    UNION ALL SELECT 'nulls', 'system_config', count(*) FILTER (WHERE NOT t.* IS NOT NULL), 0, 0 FROM system_config t
    UNION ALL SELECT 'nulls', 'default_templates', count(*) FILTER (WHERE NOT t.* IS NOT NULL), 0, 0
        FROM default_templates t
    UNION ALL SELECT 'nulls', 'default_policies', count(*) FILTER (WHERE NOT t.* IS NOT NULL), 0, 0
        FROM default_policies t
    UNION ALL SELECT 'foreign key', 'aws_zones to aws_regions', count(*), 0, 0
        FROM aws_zones t LEFT JOIN aws_regions r USING (region) WHERE r.region IS NULL
    UNION ALL SELECT 'foreign key', 'instance_specs to instance_families', count(*), 0, 0
        FROM instance_specs t LEFT JOIN instance_families r USING (family) WHERE r.family IS NULL
    UNION ALL SELECT 'foreign key', 'instance_pricing to aws_regions', count(*), 0, 0
        FROM instance_pricing t LEFT JOIN aws_regions r USING (region) WHERE r.region IS NULL
    UNION ALL SELECT 'foreign key', 'instance_pricing to instance_specs', count(*), 0, 0
        FROM instance_pricing t LEFT JOIN instance_specs r USING (instance_type) WHERE r.instance_type IS NULL
    UNION ALL SELECT 'foreign key', 'instance_pricing to aws_zones', count(*), 0, 0
        FROM instance_pricing t LEFT JOIN aws_zones r USING (zone_id) WHERE t.zone_id IS NOT NULL AND r.zone_id IS NULL
    UNION ALL SELECT 'foreign key', 'interruption_rates to aws_regions', count(*), 0, 0
        FROM interruption_rates t LEFT JOIN aws_regions r USING (region) WHERE r.region IS NULL
    UNION ALL SELECT 'foreign key', 'interruption_rates to instance_specs', count(*), 0, 0
        FROM interruption_rates t LEFT JOIN instance_specs r USING (instance_type) WHERE r.instance_type IS NULL
) c;

-- name: missing_config
-- scope: platform
SELECT k.key FROM unnest(:keys::text[]) AS k (key) LEFT JOIN system_config c USING (key) WHERE c.key IS NULL;
