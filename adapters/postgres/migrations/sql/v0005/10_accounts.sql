CREATE TABLE account_looks (
    account_id uuid PRIMARY KEY,
    organization_id uuid NOT NULL,
    verified_at timestamptz,
    permissions jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(permissions) = 'array'),
    warnings jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(warnings) = 'array'),
    looked_at timestamptz,
    usage_at timestamptz,
    problem text NOT NULL DEFAULT '',
    blind jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(blind) = 'object'),
    changes jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(changes) = 'object'),
    FOREIGN KEY (organization_id, account_id) REFERENCES accounts (organization_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE account_looks IS 'What verifying and discovering each AWS account has last shown.';

-- The body is the cluster as discovery has found it: node groups, Auto Scaling groups, launch templates, instances.
CREATE TABLE found_clusters (
    account_id uuid NOT NULL,
    region text NOT NULL CHECK (region <> ''),
    name text NOT NULL CHECK (name <> ''),
    organization_id uuid NOT NULL,
    arn text NOT NULL,
    status text NOT NULL DEFAULT '',
    kubernetes_version text NOT NULL DEFAULT '',
    endpoint text NOT NULL DEFAULT '',
    vpc_id text NOT NULL DEFAULT '',
    zone_ids jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(zone_ids) = 'object'),
    node_count integer NOT NULL CHECK (node_count >= 0),
    spot_count integer NOT NULL CHECK (spot_count BETWEEN 0 AND node_count),
    body bytea NOT NULL,
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, region, name),
    FOREIGN KEY (organization_id, account_id) REFERENCES accounts (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX found_clusters_of_organization ON found_clusters (organization_id, region, name);
COMMENT ON TABLE found_clusters IS 'EKS clusters that discovery has found, connected or not.';
