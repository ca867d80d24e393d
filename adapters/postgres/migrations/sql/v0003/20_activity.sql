-- What happened lately to all clusters of an organisation, newest first, from the tables that know.
CREATE INDEX plans_made ON plans (organization_id, created_at DESC);
CREATE INDEX plans_approved ON plans (organization_id, accepted_at DESC) WHERE accepted_at IS NOT NULL;
CREATE INDEX plans_ended ON plans (organization_id, updated_at DESC) WHERE updated_at IS NOT NULL;
CREATE INDEX agent_actions_made ON agent_actions (organization_id, created_at DESC);
CREATE INDEX inbox_events_accepted ON inbox_events (organization_id, accepted_at DESC);
CREATE INDEX saga_steps_at_aws ON saga_steps (organization_id, asked_at DESC) WHERE kind IN ('launch', 'terminate');
