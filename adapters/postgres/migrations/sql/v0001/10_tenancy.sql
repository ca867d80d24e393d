-- Whom a session speaks for. A session that says neither sees no row of any tenant.
CREATE FUNCTION current_organization() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT nullif(current_setting('spotopt.organization', true), '')::uuid $$;

CREATE FUNCTION across_tenants() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT coalesce(current_setting('spotopt.scope', true), '') = 'platform' $$;

CREATE TABLE organizations (
    id uuid PRIMARY KEY,
    name text NOT NULL CHECK (btrim(name) <> '' AND length(name) <= 200),
    flags jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(flags) = 'object'),
    audit_retention_days integer NOT NULL DEFAULT 365 CHECK (audit_retention_days BETWEEN 90 AND 36500),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    suspended_at timestamptz
);
CREATE INDEX organizations_page ON organizations (created_at DESC, id DESC);
COMMENT ON TABLE organizations IS 'Customers.';

CREATE TABLE users (
    id uuid PRIMARY KEY,
    organization_id uuid REFERENCES organizations ON DELETE CASCADE,
    email text NOT NULL UNIQUE CHECK (email = lower(btrim(email)) AND email LIKE '%_@_%' AND length(email) <= 320),
    password_hash text NOT NULL,
    role text NOT NULL CHECK (role IN ('client', 'super_admin')),
    organization_role text CHECK (organization_role IN ('owner', 'admin', 'member', 'viewer')),
    name text NOT NULL DEFAULT '',
    email_confirmed_at timestamptz,
    password_changed_at timestamptz NOT NULL,
    disabled_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (organization_id, id),
    CHECK ((role = 'client') = (organization_id IS NOT NULL)),
    CHECK ((organization_id IS NULL) = (organization_role IS NULL))
);
COMMENT ON TABLE users IS 'People: clients belong to one organisation, super admins to none.';

CREATE TABLE refresh_tokens (
    id uuid PRIMARY KEY,
    family_id uuid NOT NULL,
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    organization_id uuid REFERENCES organizations ON DELETE CASCADE,
    token_hash bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    revoked_at timestamptz,
    CHECK (expires_at > created_at)
);
CREATE INDEX refresh_tokens_family ON refresh_tokens (family_id);
CREATE INDEX refresh_tokens_user ON refresh_tokens (user_id);
CREATE INDEX refresh_tokens_organization ON refresh_tokens (organization_id);
CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at);
COMMENT ON TABLE refresh_tokens IS 'Sessions: families of refresh tokens, each used once.';

CREATE TABLE one_time_tokens (
    id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('confirm', 'reset', 'invite')),
    token_hash bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    email text NOT NULL,
    user_id uuid REFERENCES users ON DELETE CASCADE,
    organization_id uuid REFERENCES organizations ON DELETE CASCADE,
    organization_role text CHECK (organization_role IN ('owner', 'admin', 'member', 'viewer')),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    CHECK (expires_at > created_at),
    CHECK (CASE kind WHEN 'invite' THEN user_id IS NULL AND organization_id IS NOT NULL AND organization_role IS NOT NULL
           ELSE user_id IS NOT NULL END)
);
CREATE INDEX one_time_tokens_email ON one_time_tokens (email, kind);
CREATE INDEX one_time_tokens_user ON one_time_tokens (user_id);
CREATE INDEX one_time_tokens_organization ON one_time_tokens (organization_id);
CREATE INDEX one_time_tokens_expiry ON one_time_tokens (expires_at);
COMMENT ON TABLE one_time_tokens IS 'Tokens sent by mail to confirm an address, reset a password, or accept an invitation.';

CREATE TABLE idempotent_results (
    organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    key text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    request_hash bytea NOT NULL CHECK (length(request_hash) = 32),
    status integer NOT NULL CHECK (status BETWEEN 100 AND 599),
    body bytea NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, key),
    CHECK (expires_at > created_at)
);
CREATE INDEX idempotent_results_expiry ON idempotent_results (expires_at);
COMMENT ON TABLE idempotent_results IS 'Answers to requests with an idempotency key, given again when a request comes again.';
