CREATE TABLE cluster_baselines (
    cluster_id uuid PRIMARY KEY,
    organization_id uuid NOT NULL,
    set_at timestamptz NOT NULL,
    groups jsonb NOT NULL CHECK (jsonb_typeof(groups) = 'array'),
    workload_mcpu bigint NOT NULL CHECK (workload_mcpu >= 0),
    FOREIGN KEY (organization_id, cluster_id) REFERENCES clusters (organization_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE cluster_baselines IS 'What each cluster ran when it was connected: savings are told against it.';

CREATE TABLE cluster_fleets (
    cluster_id uuid PRIMARY KEY,
    organization_id uuid NOT NULL,
    observed_at timestamptz NOT NULL,
    figured_at timestamptz NOT NULL,
    snapshot_hash text NOT NULL,
    nodes integer NOT NULL CHECK (nodes >= 0),
    spot_nodes integer NOT NULL CHECK (spot_nodes BETWEEN 0 AND nodes),
    ready_nodes integer NOT NULL CHECK (ready_nodes BETWEEN 0 AND nodes),
    unpriced_nodes integer NOT NULL CHECK (unpriced_nodes BETWEEN 0 AND nodes),
    pods integer NOT NULL CHECK (pods >= 0),
    pending_pods integer NOT NULL CHECK (pending_pods BETWEEN 0 AND pods),
    workload_mcpu bigint NOT NULL CHECK (workload_mcpu >= 0),
    cost_micro_usd_per_h bigint NOT NULL CHECK (cost_micro_usd_per_h >= 0),
    on_demand_micro_usd_per_h bigint NOT NULL CHECK (on_demand_micro_usd_per_h >= 0),
    baseline_micro_usd_per_h bigint NOT NULL CHECK (baseline_micro_usd_per_h >= 0),
    baseline_on_demand_micro_usd_per_h bigint NOT NULL CHECK (baseline_on_demand_micro_usd_per_h >= 0),
    groups jsonb NOT NULL CHECK (jsonb_typeof(groups) = 'array'),
    plan_mark text NOT NULL DEFAULT '',
    plan_saving_micro_usd_per_h bigint NOT NULL DEFAULT 0,
    plan_spot_saving_micro_usd_per_h bigint NOT NULL DEFAULT 0,
    FOREIGN KEY (organization_id, cluster_id) REFERENCES clusters (organization_id, id) ON DELETE CASCADE
) WITH (fillfactor = 70);
CREATE INDEX cluster_fleets_organization ON cluster_fleets (organization_id);
COMMENT ON TABLE cluster_fleets IS 'What each cluster runs and costs by its last snapshot, and what its open plan would save.';

-- Rates hold from their time to that of the next row.
CREATE TABLE fleet_rates (
    cluster_id uuid NOT NULL,
    at timestamptz NOT NULL,
    organization_id uuid NOT NULL,
    cost_micro_usd_per_h bigint NOT NULL CHECK (cost_micro_usd_per_h >= 0),
    on_demand_micro_usd_per_h bigint NOT NULL CHECK (on_demand_micro_usd_per_h >= 0),
    baseline_micro_usd_per_h bigint NOT NULL CHECK (baseline_micro_usd_per_h >= 0),
    baseline_on_demand_micro_usd_per_h bigint NOT NULL CHECK (baseline_on_demand_micro_usd_per_h >= 0),
    spot_nodes integer NOT NULL CHECK (spot_nodes >= 0),
    on_demand_nodes integer NOT NULL CHECK (on_demand_nodes >= 0),
    PRIMARY KEY (cluster_id, at),
    FOREIGN KEY (organization_id, cluster_id) REFERENCES clusters (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX fleet_rates_at ON fleet_rates (at);
COMMENT ON TABLE fleet_rates IS 'What each cluster cost an hour, a row for each change: savings by the hour are made of it.';

ALTER TABLE savings_hourly ADD COLUMN spot_saving_micro_usd bigint NOT NULL DEFAULT 0;
