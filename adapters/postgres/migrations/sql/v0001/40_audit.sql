-- No foreign key to organizations: the log outlives whom it tells of. The chain of the platform is that of the id 0.
CREATE TABLE audit_logs (
    chain uuid GENERATED ALWAYS AS (coalesce(organization_id, '00000000-0000-0000-0000-000000000000')) STORED,
    seq bigint NOT NULL CHECK (seq > 0),
    id uuid NOT NULL UNIQUE,
    organization_id uuid,
    at timestamptz(3) NOT NULL,
    actor text NOT NULL CHECK (actor <> ''),
    on_behalf_of text NOT NULL DEFAULT '',
    event text NOT NULL CHECK (event <> ''),
    resource_type text NOT NULL,
    resource text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('success', 'failure', 'refused', 'dry_run')),
    text text NOT NULL DEFAULT '',
    ip text NOT NULL DEFAULT '',
    user_agent text NOT NULL DEFAULT '',
    request_id text NOT NULL DEFAULT '',
    -- json, not jsonb: the text that was hashed is kept as it is.
    before json NOT NULL DEFAULT '{}',
    after json NOT NULL DEFAULT '{}',
    previous_hash bytea NOT NULL CHECK (length(previous_hash) = 32),
    hash bytea NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (chain, seq)
);
CREATE INDEX audit_logs_page ON audit_logs (chain, at DESC, id DESC);
CREATE INDEX audit_logs_event ON audit_logs (chain, event, at DESC);
CREATE INDEX audit_logs_resource ON audit_logs (chain, resource, at DESC);
COMMENT ON TABLE audit_logs IS 'Who did what to what, one hash chain per organisation and one for the platform; never changed.';

CREATE TABLE audit_heads (
    chain uuid PRIMARY KEY,
    organization_id uuid,
    seq bigint NOT NULL CHECK (seq >= 0),
    hash bytea NOT NULL CHECK (length(hash) = 32)
) WITH (fillfactor = 50);
COMMENT ON TABLE audit_heads IS 'The last row of each audit chain; moved by the database alone.';

CREATE TABLE audit_checkpoints (
    chain uuid NOT NULL,
    organization_id uuid,
    seq bigint NOT NULL CHECK (seq > 0),
    hash bytea NOT NULL CHECK (length(hash) = 32),
    made_at timestamptz NOT NULL,
    PRIMARY KEY (chain, seq)
);
COMMENT ON TABLE audit_checkpoints IS 'Where an audit chain begins after retention has cut off what is older.';

-- Waits for whoever writes to the chain, and holds it until the transaction ends.
CREATE FUNCTION lock_audit_chain(p_organization uuid, OUT seq bigint, OUT hash bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    wanted uuid := coalesce(p_organization, '00000000-0000-0000-0000-000000000000');
BEGIN
    IF NOT (across_tenants() OR p_organization IS NOT DISTINCT FROM current_organization()) THEN
        RAISE insufficient_privilege USING MESSAGE = 'this audit chain belongs to another tenant';
    END IF;
    INSERT INTO audit_heads AS h (chain, organization_id, seq, hash)
    VALUES (wanted, p_organization, 0, decode(repeat('00', 32), 'hex')) ON CONFLICT DO NOTHING;
    SELECT h.seq, h.hash INTO seq, hash FROM audit_heads h WHERE h.chain = wanted FOR UPDATE;
END $$;

-- A row is accepted only at the head of its chain, whoever inserts it.
CREATE FUNCTION extend_audit_chain() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE audit_heads h SET seq = NEW.seq, hash = NEW.hash
    WHERE h.chain = coalesce(NEW.organization_id, '00000000-0000-0000-0000-000000000000')
      AND h.seq = NEW.seq - 1 AND h.hash = NEW.previous_hash;
    IF NOT FOUND THEN
        RAISE integrity_constraint_violation USING MESSAGE = 'an audit row must follow the head of its chain';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER extend_audit_chain BEFORE INSERT ON audit_logs
    FOR EACH ROW EXECUTE FUNCTION extend_audit_chain();

CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE integrity_constraint_violation USING MESSAGE = format('%s is append-only: %s refused', TG_TABLE_NAME, TG_OP);
END $$;
CREATE TRIGGER refuse_audit_change BEFORE UPDATE ON audit_logs
    FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER refuse_audit_truncate BEFORE TRUNCATE ON audit_logs
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER refuse_checkpoint_change BEFORE UPDATE OR DELETE ON audit_checkpoints
    FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER refuse_checkpoint_truncate BEFORE TRUNCATE ON audit_checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

-- Rows may go only from behind a checkpoint.
CREATE FUNCTION refuse_audit_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM audit_checkpoints c WHERE c.chain = OLD.chain AND c.seq >= OLD.seq) THEN
        RAISE integrity_constraint_violation USING MESSAGE = 'audit_logs is append-only: DELETE refused';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER refuse_audit_delete BEFORE DELETE ON audit_logs
    FOR EACH ROW EXECUTE FUNCTION refuse_audit_delete();

-- The only way to cut a chain: no younger than the organisation's retention, never younger than 90 days.
CREATE FUNCTION archive_audit_chain(p_organization uuid, p_now timestamptz, p_most integer) RETURNS SETOF audit_logs
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    kept_days integer;
    last_seq bigint;
    last_hash bytea;
BEGIN
    IF NOT (across_tenants() OR p_organization IS NOT DISTINCT FROM current_organization()) THEN
        RAISE insufficient_privilege USING MESSAGE = 'this audit chain belongs to another tenant';
    END IF;
    SELECT greatest(audit_retention_days, 90) INTO kept_days FROM organizations WHERE id = p_organization;
    SELECT l.seq, l.hash INTO last_seq, last_hash FROM (
        SELECT a.seq, a.hash, a.at FROM audit_logs a
        WHERE a.chain = p_organization ORDER BY a.seq LIMIT p_most
    ) l
    WHERE l.at < least(p_now, now()) - make_interval(days => coalesce(kept_days, 365))
    ORDER BY l.seq DESC LIMIT 1;
    IF last_seq IS NULL THEN
        RETURN;
    END IF;
    INSERT INTO audit_checkpoints (chain, organization_id, seq, hash, made_at)
    VALUES (p_organization, p_organization, last_seq, last_hash, p_now);
    RETURN QUERY
        WITH gone AS (DELETE FROM audit_logs a WHERE a.chain = p_organization AND a.seq <= last_seq RETURNING a.*)
        SELECT * FROM gone ORDER BY gone.seq;
END $$;
