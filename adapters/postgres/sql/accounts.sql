-- name: create
INSERT INTO accounts (id, organization_id, aws_account_id, role_arn, external_id, status, status_reason, created_at,
                      updated_at)
VALUES (:id, :organization_id, :aws_account_id, :role_arn, :external_id, :status, :status_reason, :created_at,
        :updated_at);

-- name: get
SELECT * FROM accounts WHERE id = :account_id AND {mine};

-- name: of_organization
SELECT * FROM accounts WHERE organization_id = :organization_id AND {mine} ORDER BY created_at, id;

-- name: with_status
-- scope: platform
SELECT * FROM accounts WHERE status = :status ORDER BY created_at, id;

-- name: set_status
UPDATE accounts SET status = :status, status_reason = :reason, updated_at = :now WHERE id = :account_id AND {mine};

-- name: set_role
UPDATE accounts SET role_arn = :role_arn, updated_at = :now WHERE id = :account_id AND {mine};

-- name: delete
DELETE FROM accounts WHERE id = :account_id AND {mine};
