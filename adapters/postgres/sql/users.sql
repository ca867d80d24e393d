-- name: create
INSERT INTO users (id, organization_id, email, password_hash, role, organization_role, name, email_confirmed_at,
                   password_changed_at, disabled_at, created_at, updated_at)
VALUES (:id, :organization_id, :email, :password_hash, :role, :organization_role, :name, :email_confirmed_at,
        :password_changed_at, :disabled_at, :created_at, :updated_at);

-- name: get
SELECT * FROM users WHERE id = :user_id AND {mine};

-- name: by_email
SELECT * FROM users WHERE email = :email AND {mine};

-- name: of_organization
SELECT * FROM users WHERE organization_id = :organization_id AND {mine} ORDER BY email;

-- name: set_password
UPDATE users SET password_hash = :password_hash, password_changed_at = :now, updated_at = :now
WHERE id = :user_id AND {mine};

-- name: confirm_email
UPDATE users SET email_confirmed_at = :now, updated_at = :now
WHERE id = :user_id AND email_confirmed_at IS NULL AND {mine};

-- Others who change owners of this organisation wait.
-- name: lock_owners
SELECT id FROM users
WHERE organization_id = (SELECT organization_id FROM users WHERE id = :user_id) AND organization_role = 'owner' AND {mine}
ORDER BY id FOR UPDATE;

-- name: set_role
UPDATE users SET organization_role = :role, updated_at = :now
WHERE id = :user_id AND organization_role IS NOT NULL AND {mine};

-- name: remove
DELETE FROM users WHERE id = :user_id AND {mine};

-- name: count_super_admins
-- scope: platform
SELECT count(*) AS number FROM users WHERE role = 'super_admin';
