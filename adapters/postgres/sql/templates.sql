-- name: create
INSERT INTO node_templates (id, organization_id, name, families, architecture, strategy, on_demand_percent, disk_type,
                            disk_gib, is_default, created_at, updated_at)
VALUES (:id, :organization_id, :name, :families, :architecture, :strategy, :on_demand_percent, :disk_type, :disk_gib,
        :is_default, :created_at, :updated_at);

-- name: get
SELECT * FROM node_templates WHERE id = :template_id AND {mine};

-- name: of_organization
SELECT * FROM node_templates WHERE organization_id = :organization_id AND {mine} ORDER BY name;

-- name: clear_default
UPDATE node_templates SET is_default = false, updated_at = :now
WHERE organization_id = :organization_id AND is_default AND {mine};

-- name: set_default
UPDATE node_templates SET is_default = true, updated_at = :now WHERE id = :template_id AND {mine};

-- name: delete
DELETE FROM node_templates WHERE id = :template_id AND NOT is_default AND {mine};
