-- Foreign keys carry the organisation along, so that no row can point into another tenant.
CREATE TABLE accounts (
    id uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    aws_account_id text NOT NULL CHECK (aws_account_id ~ '^[0-9]{12}$'),
    role_arn text NOT NULL,
    external_id text NOT NULL UNIQUE,
    status text NOT NULL CHECK (status IN ('pending', 'scanning', 'active', 'failed')),
    status_reason text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (organization_id, id),
    UNIQUE (organization_id, aws_account_id)
);
CREATE INDEX accounts_status ON accounts (status);
COMMENT ON TABLE accounts IS 'AWS accounts that customers let us into by a role.';

CREATE TABLE clusters (
    id uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    account_id uuid,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 253),
    region text NOT NULL CHECK (region <> ''),
    vpc_id text NOT NULL DEFAULT '',
    endpoint text NOT NULL DEFAULT '',
    kubernetes_version text NOT NULL DEFAULT '',
    zone_ids jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(zone_ids) = 'object'),
    status text NOT NULL CHECK (status IN ('pending', 'active', 'silent', 'disconnected')),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (organization_id, id),
    UNIQUE (organization_id, region, name),
    FOREIGN KEY (organization_id, account_id) REFERENCES accounts (organization_id, id) ON DELETE SET NULL (account_id)
);
CREATE INDEX clusters_page ON clusters (organization_id, created_at DESC, id DESC);
CREATE INDEX clusters_account ON clusters (account_id);
COMMENT ON TABLE clusters IS 'Kubernetes clusters; one connected by its agent alone has no account.';

-- Room in each page lets a heartbeat replace the one before without touching an index.
CREATE TABLE cluster_heartbeats (
    cluster_id uuid PRIMARY KEY,
    organization_id uuid NOT NULL,
    at timestamptz NOT NULL,
    agent_version text NOT NULL DEFAULT '',
    node_count integer NOT NULL DEFAULT 0 CHECK (node_count >= 0),
    details jsonb NOT NULL DEFAULT '{}',
    FOREIGN KEY (organization_id, cluster_id) REFERENCES clusters (organization_id, id) ON DELETE CASCADE
) WITH (fillfactor = 50);
COMMENT ON TABLE cluster_heartbeats IS 'The last heartbeat of each cluster''s agent.';

CREATE TABLE instances (
    cluster_id uuid NOT NULL,
    instance_id text NOT NULL,
    organization_id uuid NOT NULL,
    instance_type text NOT NULL,
    lifecycle text NOT NULL CHECK (lifecycle IN ('spot', 'on_demand')),
    zone_name text NOT NULL,
    zone_id text NOT NULL,
    price_micro_usd_per_h bigint CHECK (price_micro_usd_per_h >= 0),
    cpu_utilization double precision CHECK (cpu_utilization BETWEEN 0 AND 1),
    memory_utilization double precision CHECK (memory_utilization BETWEEN 0 AND 1),
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (cluster_id, instance_id),
    FOREIGN KEY (organization_id, cluster_id) REFERENCES clusters (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX instances_instance ON instances (instance_id);
COMMENT ON TABLE instances IS 'EC2 instances of clusters.';

CREATE TABLE api_keys (
    id uuid PRIMARY KEY,
    organization_id uuid NOT NULL,
    cluster_id uuid NOT NULL,
    key_hash bytea NOT NULL UNIQUE CHECK (length(key_hash) = 32),
    prefix text NOT NULL CHECK (length(prefix) = 8),
    label text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    last_used_at timestamptz,
    expires_at timestamptz CHECK (expires_at > created_at),
    revoked_at timestamptz,
    revoked_reason text NOT NULL DEFAULT '',
    UNIQUE (organization_id, id),
    FOREIGN KEY (organization_id, cluster_id) REFERENCES clusters (organization_id, id) ON DELETE CASCADE,
    CHECK (revoked_at IS NOT NULL OR revoked_reason = '')
) WITH (fillfactor = 70);
CREATE INDEX api_keys_cluster ON api_keys (cluster_id, created_at DESC);
COMMENT ON TABLE api_keys IS 'Keys of agents: SHA-256 and a prefix to tell them apart.';

CREATE TABLE signing_keys (
    api_key_id uuid PRIMARY KEY,
    organization_id uuid NOT NULL,
    cluster_id uuid NOT NULL,
    key_id text NOT NULL,
    sealed bytea NOT NULL,
    created_at timestamptz NOT NULL,
    FOREIGN KEY (organization_id, api_key_id) REFERENCES api_keys (organization_id, id) ON DELETE CASCADE,
    FOREIGN KEY (organization_id, cluster_id) REFERENCES clusters (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX signing_keys_cluster ON signing_keys (cluster_id);
COMMENT ON TABLE signing_keys IS 'Keys that sign actions, encrypted, one for each API key.';

CREATE TABLE node_templates (
    id uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    name text NOT NULL CHECK (name <> ''),
    families text[] NOT NULL CHECK (cardinality(families) > 0 AND array_position(families, NULL) IS NULL),
    architecture text NOT NULL CHECK (architecture IN ('x86_64', 'arm64')),
    strategy text NOT NULL CHECK (strategy IN ('spot', 'spot_with_fallback', 'hybrid', 'on_demand')),
    on_demand_percent integer NOT NULL DEFAULT 0,
    disk_type text NOT NULL CHECK (disk_type IN ('gp2', 'gp3', 'io1', 'io2')),
    disk_gib integer NOT NULL CHECK (disk_gib BETWEEN 1 AND 16384),
    is_default boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (organization_id, name),
    CHECK (CASE strategy WHEN 'hybrid' THEN on_demand_percent BETWEEN 1 AND 99 ELSE on_demand_percent = 0 END)
);
CREATE UNIQUE INDEX node_templates_default ON node_templates (organization_id) WHERE is_default;
COMMENT ON TABLE node_templates IS 'Node templates of organisations, at most one of them the default.';

-- A section that is absent is the seeded default's.
CREATE TABLE cluster_policies (
    cluster_id uuid PRIMARY KEY,
    organization_id uuid NOT NULL,
    karpenter jsonb CHECK (jsonb_typeof(karpenter) = 'object'),
    strategy jsonb CHECK (jsonb_typeof(strategy) = 'object'),
    binpack jsonb CHECK (jsonb_typeof(binpack) = 'object'),
    fallback jsonb CHECK (jsonb_typeof(fallback) = 'object'),
    spread jsonb CHECK (jsonb_typeof(spread) = 'object'),
    rightsize jsonb CHECK (jsonb_typeof(rightsize) = 'object'),
    buffer jsonb CHECK (jsonb_typeof(buffer) = 'object'),
    constraints jsonb CHECK (jsonb_typeof(constraints) = 'object'),
    exclusions jsonb CHECK (jsonb_typeof(exclusions) = 'object'),
    version integer NOT NULL CHECK (version > 0),
    updated_at timestamptz NOT NULL,
    FOREIGN KEY (organization_id, cluster_id) REFERENCES clusters (organization_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE cluster_policies IS 'What customers have set of their clusters'' policies, by section.';

CREATE TABLE hibernation_schedules (
    cluster_id uuid PRIMARY KEY,
    organization_id uuid NOT NULL,
    awake boolean[] NOT NULL CHECK (
        cardinality(awake) = 168 AND array_ndims(awake) = 1 AND array_position(awake, NULL) IS NULL),
    time_zone text NOT NULL CHECK (time_zone <> ''),
    prewarm boolean NOT NULL DEFAULT true,
    prewarm_minutes integer NOT NULL DEFAULT 30 CHECK (prewarm_minutes BETWEEN 0 AND 240),
    enabled boolean NOT NULL DEFAULT true,
    updated_at timestamptz NOT NULL,
    FOREIGN KEY (organization_id, cluster_id) REFERENCES clusters (organization_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE hibernation_schedules IS 'Hours of the week in which a cluster is awake, one schedule per cluster.';

CREATE TABLE hibernation_exceptions (
    id uuid PRIMARY KEY,
    cluster_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    day date NOT NULL,
    awake boolean NOT NULL,
    label text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    UNIQUE (cluster_id, day),
    FOREIGN KEY (organization_id, cluster_id) REFERENCES clusters (organization_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE hibernation_exceptions IS 'Days on which the schedule does not hold.';

CREATE TABLE hibernation_overrides (
    id uuid PRIMARY KEY,
    cluster_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    awake boolean NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL CHECK (ends_at > starts_at),
    created_at timestamptz NOT NULL,
    FOREIGN KEY (organization_id, cluster_id) REFERENCES clusters (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX hibernation_overrides_cluster ON hibernation_overrides (cluster_id, ends_at);
COMMENT ON TABLE hibernation_overrides IS 'Awake or asleep by hand for a while: wake now.';
