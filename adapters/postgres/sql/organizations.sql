-- name: create
INSERT INTO organizations (id, name, flags, audit_retention_days, created_at, updated_at, suspended_at)
VALUES (:id, :name, :flags, :audit_retention_days, :created_at, :updated_at, :suspended_at);

-- name: copy_templates
-- scope: platform
INSERT INTO node_templates (id, organization_id, name, families, architecture, strategy, on_demand_percent, disk_type,
                            disk_gib, is_default, created_at, updated_at)
SELECT gen_random_uuid(), :organization_id, name, families, architecture, strategy, on_demand_percent, disk_type,
       disk_gib, is_default, :created_at, :created_at
FROM default_templates;

-- name: get
SELECT * FROM organizations WHERE id = :organization_id AND (:tenant::uuid IS NULL OR id = :tenant);

-- name: page
SELECT * FROM organizations
WHERE (:tenant::uuid IS NULL OR id = :tenant) AND {page created_at id}
ORDER BY created_at DESC, id DESC LIMIT :most;

-- name: set_flags
-- scope: platform
UPDATE organizations SET flags = :flags, updated_at = :now WHERE id = :organization_id;

-- name: set_audit_retention
UPDATE organizations SET audit_retention_days = :days, updated_at = :now
WHERE id = :organization_id AND (:tenant::uuid IS NULL OR id = :tenant);

-- name: suspend
-- scope: platform
UPDATE organizations SET suspended_at = :now, updated_at = :now WHERE id = :organization_id AND suspended_at IS NULL;

-- name: skip_onboarding
INSERT INTO onboarding_skips (organization_id, skipped_at)
SELECT id, :now FROM organizations WHERE id = :organization_id AND (:tenant::uuid IS NULL OR id = :tenant)
ON CONFLICT DO NOTHING;

-- name: has_skipped_onboarding
SELECT organization_id FROM onboarding_skips WHERE organization_id = :organization_id AND {mine};

-- name: delete
DELETE FROM organizations WHERE id = :organization_id AND (:tenant::uuid IS NULL OR id = :tenant);
