CREATE TABLE aws_regions (
    region text PRIMARY KEY,
    name text NOT NULL CHECK (name <> '')
);
COMMENT ON TABLE aws_regions IS 'The 15 regions served. Seeded.';

CREATE TABLE aws_zones (
    zone_id text PRIMARY KEY,
    region text NOT NULL REFERENCES aws_regions ON DELETE RESTRICT
);
CREATE INDEX aws_zones_region ON aws_zones (region);
COMMENT ON TABLE aws_zones IS 'Availability zones by their id, which is the same for every account. Seeded.';

CREATE TABLE instance_families (
    family text PRIMARY KEY,
    architecture text NOT NULL CHECK (architecture IN ('x86_64', 'arm64')),
    types integer NOT NULL CHECK (types > 0),
    has_gpu boolean NOT NULL,
    burstable boolean NOT NULL,
    current_generation boolean NOT NULL
);
COMMENT ON TABLE instance_families IS 'Instance families. Seeded.';

CREATE TABLE instance_specs (
    instance_type text PRIMARY KEY,
    family text NOT NULL REFERENCES instance_families ON DELETE RESTRICT,
    architecture text NOT NULL CHECK (architecture IN ('x86_64', 'arm64')),
    vcpu integer NOT NULL CHECK (vcpu > 0),
    memory_mib bigint NOT NULL CHECK (memory_mib > 0),
    pods integer NOT NULL CHECK (pods >= 0),
    gpu_count integer NOT NULL CHECK (gpu_count >= 0),
    gpu_name text NOT NULL,
    nvme_gb bigint NOT NULL CHECK (nvme_gb >= 0),
    spot boolean NOT NULL,
    bare_metal boolean NOT NULL,
    burstable boolean NOT NULL,
    current_generation boolean NOT NULL
);
CREATE INDEX instance_specs_family ON instance_specs (family);
COMMENT ON TABLE instance_specs IS 'Instance types: what a node of each has. Seeded.';

CREATE TABLE instance_pricing (
    region text NOT NULL REFERENCES aws_regions ON DELETE RESTRICT,
    instance_type text NOT NULL REFERENCES instance_specs ON DELETE RESTRICT,
    zone_id text REFERENCES aws_zones ON DELETE RESTRICT,
    capacity_type text NOT NULL CHECK (capacity_type IN ('spot', 'on-demand')),
    price_micro_usd_per_h bigint NOT NULL CHECK (price_micro_usd_per_h > 0),
    as_of date NOT NULL,
    UNIQUE NULLS NOT DISTINCT (region, instance_type, capacity_type, zone_id)
);
CREATE INDEX instance_pricing_type ON instance_pricing (instance_type);
CREATE INDEX instance_pricing_zone ON instance_pricing (zone_id);
COMMENT ON TABLE instance_pricing IS 'Prices by region, or by zone where they are known by zone. Seeded.';

CREATE TABLE interruption_rates (
    region text NOT NULL REFERENCES aws_regions ON DELETE RESTRICT,
    instance_type text NOT NULL REFERENCES instance_specs ON DELETE RESTRICT,
    bucket smallint NOT NULL CHECK (bucket BETWEEN 0 AND 4),
    probability_per_month double precision NOT NULL CHECK (probability_per_month BETWEEN 0 AND 1),
    saving_percent smallint NOT NULL CHECK (saving_percent < 100),
    as_of date NOT NULL,
    PRIMARY KEY (region, instance_type)
);
CREATE INDEX interruption_rates_type ON interruption_rates (instance_type);
COMMENT ON TABLE interruption_rates IS 'How often AWS takes Spot nodes of a type in a region. Seeded.';

CREATE TABLE system_config (
    key text PRIMARY KEY CHECK (key ~ '^[A-Z][A-Z0-9_]*$'),
    value text NOT NULL,
    description text NOT NULL DEFAULT '',
    updated_at timestamptz NOT NULL,
    updated_by text NOT NULL
);
COMMENT ON TABLE system_config IS 'Settings that admins change while the platform runs. Seeded.';

CREATE TABLE default_templates (
    name text PRIMARY KEY,
    families text[] NOT NULL,
    architecture text NOT NULL,
    strategy text NOT NULL,
    on_demand_percent integer NOT NULL,
    disk_type text NOT NULL,
    disk_gib integer NOT NULL,
    is_default boolean NOT NULL
);
CREATE UNIQUE INDEX default_templates_default ON default_templates (is_default) WHERE is_default;
COMMENT ON TABLE default_templates IS 'Node templates that every new organisation starts with. Seeded.';

CREATE TABLE default_policies (
    section text PRIMARY KEY CHECK (section IN ('karpenter', 'strategy', 'binpack', 'fallback', 'spread', 'rightsize',
                                                'buffer', 'constraints', 'exclusions')),
    value jsonb NOT NULL CHECK (jsonb_typeof(value) = 'object')
);
COMMENT ON TABLE default_policies IS 'Sections of a policy that its customer has not set. Seeded.';
