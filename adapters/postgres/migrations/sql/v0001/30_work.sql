CREATE TABLE optimization_jobs (
    id uuid PRIMARY KEY,
    organization_id uuid NOT NULL,
    cluster_id uuid NOT NULL,
    trigger text NOT NULL CHECK (trigger IN ('user', 'event', 'schedule')),
    status text NOT NULL CHECK (status IN ('queued', 'running', 'completed', 'failed')),
    reason text NOT NULL DEFAULT '',
    requested_by uuid REFERENCES users ON DELETE SET NULL,
    plan_generation integer CHECK (plan_generation > 0),
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    result jsonb NOT NULL DEFAULT '{}',
    error text NOT NULL DEFAULT '',
    UNIQUE (organization_id, id),
    FOREIGN KEY (organization_id, cluster_id) REFERENCES clusters (organization_id, id) ON DELETE CASCADE,
    CHECK ((finished_at IS NOT NULL) = (status IN ('completed', 'failed')))
);
CREATE INDEX optimization_jobs_cluster ON optimization_jobs (cluster_id, created_at DESC, id DESC);
CREATE INDEX optimization_jobs_open ON optimization_jobs (created_at) WHERE status IN ('queued', 'running');
CREATE INDEX optimization_jobs_requested_by ON optimization_jobs (requested_by);
COMMENT ON TABLE optimization_jobs IS 'Runs of the optimizer.';

-- The service may change nothing but the last four columns (access.sql).
CREATE TABLE plans (
    id uuid PRIMARY KEY,
    organization_id uuid NOT NULL,
    cluster_id uuid NOT NULL,
    generation integer NOT NULL CHECK (generation > 0),
    parent integer CHECK (parent > 0 AND parent < generation),
    job_id uuid,
    body jsonb NOT NULL CHECK (jsonb_typeof(body) = 'object'),
    cost_micro_usd_per_h bigint NOT NULL CHECK (cost_micro_usd_per_h >= 0),
    planned_cost_micro_usd_per_h bigint NOT NULL CHECK (planned_cost_micro_usd_per_h >= 0),
    lower_bound_micro_usd_per_h bigint NOT NULL CHECK (lower_bound_micro_usd_per_h >= 0),
    observed_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    status text NOT NULL CHECK (status IN ('recommended', 'awaiting_approval', 'accepted', 'no_change', 'refused',
                                           'rejected', 'done', 'dry_run', 'failed')),
    status_reason text NOT NULL DEFAULT '',
    accepted_at timestamptz,
    updated_at timestamptz,
    UNIQUE (cluster_id, generation),
    FOREIGN KEY (cluster_id, parent) REFERENCES plans (cluster_id, generation),
    FOREIGN KEY (organization_id, cluster_id) REFERENCES clusters (organization_id, id) ON DELETE CASCADE,
    FOREIGN KEY (organization_id, job_id) REFERENCES optimization_jobs (organization_id, id) ON DELETE SET NULL (job_id)
);
CREATE INDEX plans_page ON plans (cluster_id, created_at DESC, id DESC);
CREATE INDEX plans_accepted ON plans (cluster_id, generation DESC) WHERE accepted_at IS NOT NULL;
CREATE INDEX plans_job ON plans (job_id);
COMMENT ON TABLE plans IS 'Plans, each following from the accepted one; all but their status never changes.';

CREATE TABLE agent_actions (
    id uuid PRIMARY KEY,
    organization_id uuid NOT NULL,
    cluster_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('evict_pod', 'cordon_node', 'uncordon_node', 'drain_node', 'label_node',
                                       'update_deployment')),
    payload jsonb NOT NULL CHECK (jsonb_typeof(payload) = 'object'),
    status text NOT NULL CHECK (status IN ('pending', 'picked_up', 'completed', 'failed', 'expired')),
    reason text NOT NULL DEFAULT '',
    plan_generation integer CHECK (plan_generation > 0),
    job_id uuid,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > created_at),
    nonce text NOT NULL,
    key_id text NOT NULL,
    signature text NOT NULL,
    picked_up_at timestamptz,
    completed_at timestamptz,
    result jsonb,
    error text NOT NULL DEFAULT '',
    FOREIGN KEY (organization_id, cluster_id) REFERENCES clusters (organization_id, id) ON DELETE CASCADE,
    FOREIGN KEY (organization_id, job_id) REFERENCES optimization_jobs (organization_id, id) ON DELETE SET NULL (job_id),
    CHECK ((completed_at IS NOT NULL) = (status IN ('completed', 'failed', 'expired'))),
    CHECK (status <> 'picked_up' OR picked_up_at IS NOT NULL)
);
ALTER TABLE agent_actions ALTER COLUMN expires_at SET DEFAULT now() + interval '5 minutes';
CREATE INDEX agent_actions_cluster_status ON agent_actions (cluster_id, status, created_at, id);
CREATE INDEX agent_actions_page ON agent_actions (cluster_id, created_at DESC, id DESC);
CREATE INDEX agent_actions_overdue ON agent_actions (expires_at) WHERE status IN ('pending', 'picked_up');
CREATE INDEX agent_actions_job ON agent_actions (job_id) WHERE job_id IS NOT NULL;
COMMENT ON TABLE agent_actions IS 'What agents are to do, signed, from queueing to the end.';

CREATE TABLE inbox_events (
    cluster_id uuid NOT NULL,
    event_id text NOT NULL CHECK (length(event_id) BETWEEN 1 AND 128),
    organization_id uuid NOT NULL,
    event_type text NOT NULL,
    priority smallint NOT NULL CHECK (priority BETWEEN 0 AND 2),
    body jsonb NOT NULL CHECK (jsonb_typeof(body) = 'object'),
    status text NOT NULL CHECK (status IN ('accepted', 'claimed', 'done', 'ignored', 'dead')),
    tries smallint NOT NULL DEFAULT 0 CHECK (tries >= 0),
    last_error text NOT NULL DEFAULT '',
    occurred_at timestamptz NOT NULL,
    accepted_at timestamptz NOT NULL,
    claimed_until timestamptz,
    next_try_at timestamptz,
    done_at timestamptz,
    PRIMARY KEY (cluster_id, event_id),
    FOREIGN KEY (organization_id, cluster_id) REFERENCES clusters (organization_id, id) ON DELETE CASCADE,
    CHECK ((done_at IS NOT NULL) = (status IN ('done', 'ignored', 'dead'))),
    CHECK ((claimed_until IS NOT NULL) = (status = 'claimed'))
);
CREATE INDEX inbox_events_open ON inbox_events (priority, accepted_at) WHERE status IN ('accepted', 'claimed');
CREATE INDEX inbox_events_dead ON inbox_events (accepted_at DESC, cluster_id DESC) WHERE status = 'dead';
CREATE INDEX inbox_events_done ON inbox_events (done_at) WHERE status IN ('done', 'ignored');
COMMENT ON TABLE inbox_events IS 'Accepted events of agents: the truth behind the stream in Redis.';

CREATE TABLE cluster_snapshots (
    cluster_id uuid PRIMARY KEY,
    organization_id uuid NOT NULL,
    body bytea NOT NULL,
    hash text NOT NULL,
    observed_at timestamptz NOT NULL,
    stored_at timestamptz NOT NULL,
    FOREIGN KEY (organization_id, cluster_id) REFERENCES clusters (organization_id, id) ON DELETE CASCADE
);
-- Compressed by the writer already.
ALTER TABLE cluster_snapshots ALTER COLUMN body SET STORAGE EXTERNAL;
COMMENT ON TABLE cluster_snapshots IS 'The last full snapshot of each cluster, compressed.';

CREATE TABLE cluster_states (
    cluster_id uuid PRIMARY KEY,
    organization_id uuid NOT NULL,
    body bytea NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    stored_at timestamptz NOT NULL,
    FOREIGN KEY (organization_id, cluster_id) REFERENCES clusters (organization_id, id) ON DELETE CASCADE
) WITH (fillfactor = 70);
COMMENT ON TABLE cluster_states IS 'The state machine of each cluster as its host stored it; the version fences off a second host.';

CREATE TABLE pool_evidence (
    id uuid PRIMARY KEY,
    organization_id uuid NOT NULL,
    cluster_id uuid NOT NULL,
    region text NOT NULL,
    zone_id text NOT NULL,
    instance_type text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('interruption', 'capacity', 'rebalance', 'not_ready')),
    instance_id text NOT NULL,
    known boolean NOT NULL,
    at timestamptz NOT NULL,
    FOREIGN KEY (organization_id, cluster_id) REFERENCES clusters (organization_id, id) ON DELETE CASCADE
);
-- A fleet request that finds no capacity concerns no instance, and may fail again.
CREATE UNIQUE INDEX pool_evidence_once ON pool_evidence (cluster_id, kind, instance_id) WHERE instance_id <> '';
CREATE INDEX pool_evidence_cluster ON pool_evidence (cluster_id);
CREATE INDEX pool_evidence_at ON pool_evidence (at);
CREATE INDEX pool_evidence_pool ON pool_evidence (region, zone_id, instance_type, at);
COMMENT ON TABLE pool_evidence IS 'What clusters saw of capacity pools.';

CREATE TABLE pool_flags (
    region text NOT NULL,
    zone_id text NOT NULL,
    instance_type text NOT NULL,
    flagged_at timestamptz NOT NULL,
    until timestamptz NOT NULL CHECK (until > flagged_at),
    reason text NOT NULL DEFAULT '',
    PRIMARY KEY (region, zone_id, instance_type)
);
CREATE INDEX pool_flags_until ON pool_flags (until);
COMMENT ON TABLE pool_flags IS 'Capacity pools that everybody avoids until a time: the truth behind the keys in Redis.';

CREATE TABLE clock_runs (
    job text NOT NULL CHECK (job <> ''),
    due_at timestamptz NOT NULL,
    started_at timestamptz NOT NULL,
    done_at timestamptz,
    error text NOT NULL DEFAULT '',
    PRIMARY KEY (job, due_at)
);
COMMENT ON TABLE clock_runs IS 'Due runs of periodic jobs, so that missed ones are caught up.';
