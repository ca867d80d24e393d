CREATE TABLE recommendations (
    id uuid PRIMARY KEY,
    organization_id uuid NOT NULL,
    cluster_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('rightsize', 'packing', 'spot')),
    subject text NOT NULL CHECK (subject <> ''),
    status text NOT NULL CHECK (status IN ('open', 'applied', 'dismissed', 'superseded')),
    text text NOT NULL,
    saving_micro_usd_per_month bigint NOT NULL,
    details jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    resolved_at timestamptz,
    FOREIGN KEY (organization_id, cluster_id) REFERENCES clusters (organization_id, id) ON DELETE CASCADE,
    CHECK ((resolved_at IS NULL) = (status = 'open'))
);
CREATE UNIQUE INDEX recommendations_open ON recommendations (cluster_id, kind, subject) WHERE status = 'open';
CREATE INDEX recommendations_cluster ON recommendations (cluster_id);
CREATE INDEX recommendations_page ON recommendations (cluster_id, created_at DESC, id DESC) WHERE status = 'open';
COMMENT ON TABLE recommendations IS 'Advice on single things of clusters, with what it would save.';

CREATE TABLE savings_hourly (
    organization_id uuid NOT NULL,
    cluster_id uuid NOT NULL,
    hour timestamptz NOT NULL CHECK (date_trunc('hour', hour AT TIME ZONE 'UTC') = hour AT TIME ZONE 'UTC'),
    baseline_micro_usd bigint NOT NULL CHECK (baseline_micro_usd >= 0),
    actual_micro_usd bigint NOT NULL CHECK (actual_micro_usd >= 0),
    spot_node_minutes integer NOT NULL CHECK (spot_node_minutes >= 0),
    on_demand_node_minutes integer NOT NULL CHECK (on_demand_node_minutes >= 0),
    PRIMARY KEY (cluster_id, hour),
    FOREIGN KEY (organization_id, cluster_id) REFERENCES clusters (organization_id, id) ON DELETE CASCADE
) PARTITION BY RANGE (hour);
CREATE INDEX savings_hourly_organization ON savings_hourly (organization_id, hour);
COMMENT ON TABLE savings_hourly IS 'Bill and baseline of each cluster by the hour, a partition per month.';

CREATE TABLE spot_price_history (
    region text NOT NULL,
    zone_id text NOT NULL,
    instance_type text NOT NULL,
    at timestamptz NOT NULL,
    price_micro_usd_per_h bigint NOT NULL CHECK (price_micro_usd_per_h > 0),
    PRIMARY KEY (region, zone_id, instance_type, at)
) PARTITION BY RANGE (at);
COMMENT ON TABLE spot_price_history IS 'Changes of Spot prices, a partition per month.';

CREATE TABLE savings_hourly_other PARTITION OF savings_hourly DEFAULT;
CREATE TABLE spot_price_history_other PARTITION OF spot_price_history DEFAULT;

-- Makes the partitions of a month; rows of months without one land in the default partition, so nothing is refused.
CREATE FUNCTION make_partitions(p_month date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    first date := date_trunc('month', p_month);
    parent text;
    made integer := 0;
BEGIN
    FOREACH parent IN ARRAY ARRAY['savings_hourly', 'spot_price_history'] LOOP
        CONTINUE WHEN to_regclass(format('%I', parent || to_char(first, '_YYYY_MM'))) IS NOT NULL;
        BEGIN
            EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                parent || to_char(first, '_YYYY_MM'), parent,
                first::timestamp AT TIME ZONE 'UTC', (first + interval '1 month') AT TIME ZONE 'UTC');
            made := made + 1;
        EXCEPTION WHEN check_violation THEN
            NULL; -- rows of this month lie in the default partition already, where they stay
        END;
    END LOOP;
    RETURN made;
END $$;

CREATE TABLE stripe_events (
    id text PRIMARY KEY,
    organization_id uuid REFERENCES organizations ON DELETE CASCADE,
    event_type text NOT NULL,
    body jsonb NOT NULL,
    received_at timestamptz NOT NULL
);
CREATE INDEX stripe_events_organization ON stripe_events (organization_id);
COMMENT ON TABLE stripe_events IS 'Notices of Stripe, each id once.';

CREATE TABLE subscriptions (
    organization_id uuid PRIMARY KEY REFERENCES organizations ON DELETE CASCADE,
    plan text NOT NULL,
    status text NOT NULL CHECK (status IN ('trial', 'active', 'grace', 'canceled')),
    stripe_customer_id text NOT NULL DEFAULT '',
    stripe_subscription_id text NOT NULL DEFAULT '',
    period_ends_at timestamptz,
    grace_ends_at timestamptz,
    updated_at timestamptz NOT NULL,
    CHECK ((status = 'grace') = (grace_ends_at IS NOT NULL))
);
COMMENT ON TABLE subscriptions IS 'What organisations have subscribed to.';

CREATE TABLE ml_models (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    version text NOT NULL,
    file text NOT NULL,
    sha256 bytea NOT NULL CHECK (length(sha256) = 32),
    status text NOT NULL CHECK (status IN ('testing', 'production', 'retired')),
    metrics jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    UNIQUE (name, version)
);
CREATE UNIQUE INDEX ml_models_production ON ml_models (name) WHERE status = 'production';
COMMENT ON TABLE ml_models IS 'Models of the registry, at most one of a name in production.';

CREATE TABLE lab_experiments (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    control_model_id uuid NOT NULL REFERENCES ml_models ON DELETE RESTRICT,
    variant_model_id uuid NOT NULL REFERENCES ml_models ON DELETE RESTRICT,
    status text NOT NULL CHECK (status IN ('running', 'stopped', 'graduated')),
    telemetry jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    stopped_at timestamptz,
    CHECK (control_model_id <> variant_model_id),
    CHECK ((stopped_at IS NULL) = (status = 'running'))
);
CREATE INDEX lab_experiments_control ON lab_experiments (control_model_id);
CREATE INDEX lab_experiments_variant ON lab_experiments (variant_model_id);
COMMENT ON TABLE lab_experiments IS 'Comparisons of two models.';
