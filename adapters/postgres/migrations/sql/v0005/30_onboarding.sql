CREATE TABLE onboarding_skips (
    organization_id uuid PRIMARY KEY REFERENCES organizations ON DELETE CASCADE,
    skipped_at timestamptz NOT NULL
);
COMMENT ON TABLE onboarding_skips IS 'Organisations that would rather look around before they connect anything.';
