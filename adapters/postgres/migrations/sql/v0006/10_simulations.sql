CREATE TABLE simulations (
    id uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    name text NOT NULL CHECK (name <> ''),
    status text NOT NULL CHECK (status IN ('queued', 'running', 'completed', 'failed')),
    body bytea NOT NULL,
    replications integer NOT NULL CHECK (replications > 0),
    done integer NOT NULL DEFAULT 0 CHECK (done BETWEEN 0 AND replications),
    summary jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(summary) = 'object'),
    error text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    ended_at timestamptz,
    CHECK ((ended_at IS NULL) = (status IN ('queued', 'running')))
);
CREATE INDEX simulations_page ON simulations (organization_id, created_at DESC, id DESC);
CREATE INDEX simulations_open ON simulations (updated_at) WHERE ended_at IS NULL;
COMMENT ON TABLE simulations IS 'Batches of simulations that customers have asked for, with their scenario and recordings.';

CREATE TABLE simulation_parts (
    simulation_id uuid NOT NULL REFERENCES simulations ON DELETE CASCADE,
    organization_id uuid NOT NULL,
    batch integer NOT NULL CHECK (batch >= 0),
    body bytea NOT NULL,
    PRIMARY KEY (simulation_id, batch)
);
COMMENT ON TABLE simulation_parts IS 'Rows of the batches that are done: a simulation goes on from them after a kill.';
