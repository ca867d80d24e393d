ALTER TABLE ml_models ADD COLUMN uploaded_by text NOT NULL DEFAULT '';
ALTER TABLE ml_models ADD CONSTRAINT ml_models_sha256 UNIQUE (name, sha256);

CREATE TABLE ml_model_files (
    model_id uuid PRIMARY KEY REFERENCES ml_models ON DELETE CASCADE,
    body bytea NOT NULL CHECK (length(body) > 0)
);
COMMENT ON TABLE ml_model_files IS 'Text of the models of the registry, apart so that lists stay light.';

ALTER TABLE lab_experiments
    ADD COLUMN mode text NOT NULL DEFAULT 'shadow' CHECK (mode IN ('shadow', 'share', 'watch')),
    ADD COLUMN share double precision NOT NULL DEFAULT 0 CHECK (share BETWEEN 0 AND 1),
    ADD COLUMN false_rate double precision NOT NULL DEFAULT 0.05 CHECK (false_rate > 0 AND false_rate < 1),
    ADD COLUMN created_by text NOT NULL DEFAULT '';
CREATE INDEX lab_experiments_page ON lab_experiments (created_at DESC, id DESC);

CREATE TABLE model_rounds (
    model_id uuid NOT NULL REFERENCES ml_models ON DELETE CASCADE,
    decided_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL CHECK (due_at > decided_at),
    pools integer NOT NULL CHECK (pools >= 0),
    body bytea,
    features jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(features) = 'object'),
    outcome jsonb CHECK (jsonb_typeof(outcome) = 'object'),
    resolved_at timestamptz,
    PRIMARY KEY (model_id, decided_at),
    CHECK ((resolved_at IS NULL) = (outcome IS NULL))
);
CREATE INDEX model_rounds_open ON model_rounds (due_at) WHERE resolved_at IS NULL;
COMMENT ON TABLE model_rounds IS 'What each model predicted at an hour, the drift of its features, and how it came out.';

CREATE TABLE model_switches (
    organization_id uuid NOT NULL,
    cluster_id uuid NOT NULL,
    instance_id text NOT NULL DEFAULT '',
    zone_id text NOT NULL DEFAULT '',
    instance_type text NOT NULL DEFAULT '',
    model_id uuid NOT NULL REFERENCES ml_models ON DELETE CASCADE,
    switched_at timestamptz NOT NULL,
    PRIMARY KEY (cluster_id, instance_id),
    FOREIGN KEY (organization_id, cluster_id) REFERENCES clusters (organization_id, id) ON DELETE CASCADE,
    CHECK ((instance_id = '') = (zone_id = '' AND instance_type = ''))
);
CREATE INDEX model_switches_model ON model_switches (model_id);
COMMENT ON TABLE model_switches IS 'Clusters, or single instances of them, whose risk another model tells than that in production.';

CREATE TABLE risk_states (
    name text PRIMARY KEY,
    body bytea NOT NULL,
    as_of timestamptz NOT NULL,
    stored_at timestamptz NOT NULL
);
COMMENT ON TABLE risk_states IS 'What features of capacity pools are computed from, as the scorer last stored it.';
