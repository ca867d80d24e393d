-- Who may do what. Runs after every migration and may run again: new tables are found in the catalogue.
DO $$
BEGIN
    CREATE ROLE spotopt_service NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOINHERIT;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL; -- roles are shared by all databases of a server
END $$;

DO $$
DECLARE
    name text;
    organization text;
BEGIN
    -- Whoever creates a role may grant it, but not become it unless it is granted to him.
    BEGIN
        EXECUTE format('GRANT spotopt_service TO %I', current_user);
    EXCEPTION WHEN insufficient_privilege THEN
        IF NOT pg_has_role(current_user, 'spotopt_service', 'MEMBER') THEN
            RAISE;
        END IF;
    END;
    REVOKE ALL ON SCHEMA public FROM spotopt_service;
    GRANT USAGE ON SCHEMA public TO spotopt_service;
    FOR name IN
        SELECT c.relname FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname <> 'alembic_version'
    LOOP
        EXECUTE format('REVOKE ALL ON %I FROM PUBLIC, spotopt_service', name);
        -- Partitions are reached through their table, whose policy counts.
        CONTINUE WHEN (SELECT relispartition FROM pg_class WHERE oid = name::regclass);
        CASE
            WHEN name = 'audit_logs' THEN
                EXECUTE 'GRANT SELECT, INSERT ON audit_logs TO spotopt_service';
            WHEN name IN ('audit_heads', 'audit_checkpoints') THEN
                EXECUTE format('GRANT SELECT ON %I TO spotopt_service', name);
            WHEN name = 'plans' THEN
                EXECUTE 'GRANT SELECT, INSERT, DELETE ON plans TO spotopt_service';
                EXECUTE 'GRANT UPDATE (status, status_reason, accepted_at, updated_at) ON plans TO spotopt_service';
            ELSE
                EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO spotopt_service', name);
        END CASE;
        SELECT CASE WHEN name = 'organizations' THEN 'id' ELSE a.attname END INTO organization
        FROM pg_attribute a
        WHERE a.attrelid = name::regclass AND a.attname = CASE name WHEN 'organizations' THEN 'id'
              ELSE 'organization_id' END;
        CONTINUE WHEN organization IS NULL;
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('DROP POLICY IF EXISTS tenant ON %I', name);
        EXECUTE format('CREATE POLICY tenant ON %I USING ((SELECT across_tenants()) OR %I = (SELECT current_organization()))',
            name, organization);
    END LOOP;
END $$;

REVOKE ALL ON FUNCTION lock_audit_chain(uuid), archive_audit_chain(uuid, timestamptz, integer), make_partitions(date)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION current_organization(), across_tenants(), lock_audit_chain(uuid),
    archive_audit_chain(uuid, timestamptz, integer), make_partitions(date) TO spotopt_service;
