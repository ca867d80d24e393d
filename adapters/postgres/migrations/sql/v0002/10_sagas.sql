CREATE TABLE sagas (
    id uuid PRIMARY KEY,
    organization_id uuid NOT NULL,
    cluster_id uuid NOT NULL,
    plan_generation integer CHECK (plan_generation > 0),
    status text NOT NULL CHECK (status IN ('running', 'undoing', 'done', 'undone', 'stopped', 'dry_run')),
    reason text NOT NULL DEFAULT '',
    version bigint NOT NULL CHECK (version > 0),
    body jsonb NOT NULL CHECK (jsonb_typeof(body) = 'object'),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    ended_at timestamptz,
    UNIQUE (organization_id, id),
    FOREIGN KEY (organization_id, cluster_id) REFERENCES clusters (organization_id, id) ON DELETE CASCADE,
    CHECK ((ended_at IS NULL) = (status IN ('running', 'undoing')))
) WITH (fillfactor = 70);
CREATE INDEX sagas_page ON sagas (cluster_id, created_at DESC, id DESC);
CREATE INDEX sagas_open ON sagas (cluster_id, created_at) WHERE status IN ('running', 'undoing');
CREATE INDEX sagas_ended ON sagas (ended_at) WHERE ended_at IS NOT NULL;
COMMENT ON TABLE sagas IS 'Plans being carried out, and those that were; the version fences off a second runner.';

CREATE TABLE saga_steps (
    saga_id uuid NOT NULL,
    step_id text NOT NULL CHECK (step_id <> ''),
    organization_id uuid NOT NULL,
    cluster_id uuid NOT NULL,
    track text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('check', 'require', 'launch', 'join', 'cordon', 'drain', 'empty', 'settle', 'detach',
                                       'resize', 'terminate', 'gone', 'uncordon', 'restore')),
    subject text NOT NULL,
    status text NOT NULL CHECK (status IN ('asked', 'held', 'done', 'failed', 'dropped')),
    attempt smallint NOT NULL CHECK (attempt > 0),
    token text NOT NULL CHECK (token <> ''),
    tries integer NOT NULL CHECK (tries >= 0),
    asked_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    retry_at timestamptz,
    ended_at timestamptz,
    result jsonb NOT NULL CHECK (jsonb_typeof(result) = 'object'),
    error text NOT NULL DEFAULT '',
    PRIMARY KEY (saga_id, step_id),
    FOREIGN KEY (organization_id, saga_id) REFERENCES sagas (organization_id, id) ON DELETE CASCADE,
    CHECK ((ended_at IS NULL) = (status IN ('asked', 'held')))
) WITH (fillfactor = 70);
CREATE INDEX saga_steps_launches ON saga_steps (cluster_id) WHERE kind = 'launch';
COMMENT ON TABLE saga_steps IS 'Every step of a saga, recorded before it is asked.';
