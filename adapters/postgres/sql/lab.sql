-- name: add_model
-- scope: platform
INSERT INTO ml_models (id, name, version, file, sha256, status, metrics, created_at, uploaded_by)
VALUES (:id, :name, :version, :file, :digest, :status, :metrics, :created_at, :uploaded_by);

-- name: add_body
-- scope: platform
INSERT INTO ml_model_files (model_id, body) VALUES (:id, :body);

-- name: model
-- scope: platform
SELECT * FROM ml_models WHERE id = :model_id;

-- name: models
-- scope: platform
SELECT * FROM ml_models WHERE name = :model_name AND {page created_at id}
ORDER BY created_at DESC, id DESC LIMIT :most;

-- name: production
-- scope: platform
SELECT * FROM ml_models WHERE name = :model_name AND status = 'production';

-- name: body
-- scope: platform
SELECT body FROM ml_model_files WHERE model_id = :model_id;

-- name: set_status
-- scope: platform
UPDATE ml_models SET status = :status WHERE id = :model_id;

-- name: note_problem
-- scope: platform
UPDATE ml_models SET metrics = metrics || jsonb_build_object('problem', :problem::text) WHERE id = :model_id;

-- name: retire_production
-- scope: platform
UPDATE ml_models SET status = 'retired' WHERE name = :model_name AND status = 'production' AND id <> :model_id;

-- name: lock_models
-- scope: platform
SELECT id FROM ml_models WHERE name = :model_name ORDER BY id FOR UPDATE;

-- name: add_experiment
-- scope: platform
INSERT INTO lab_experiments (id, name, control_model_id, variant_model_id, status, mode, share, false_rate, telemetry,
                             created_by, created_at, stopped_at)
VALUES (:id, :name, :control_model_id, :variant_model_id, :status, :mode, :share, :false_rate, :telemetry,
        :created_by, :created_at, :stopped_at);

-- name: put_experiment
-- scope: platform
UPDATE lab_experiments SET status = :status, mode = :mode, share = :share, telemetry = :telemetry,
                           stopped_at = :stopped_at
WHERE id = :id AND status = 'running';

-- name: experiment
-- scope: platform
SELECT * FROM lab_experiments WHERE id = :experiment_id FOR UPDATE;

-- name: experiments
-- scope: platform
SELECT * FROM lab_experiments WHERE {page created_at id} ORDER BY created_at DESC, id DESC LIMIT :most;

-- name: running
-- scope: platform
SELECT * FROM lab_experiments WHERE status = 'running' ORDER BY created_at, id;

-- name: add_round
-- scope: platform
INSERT INTO model_rounds (model_id, decided_at, due_at, pools, body, features)
VALUES (:model_id, :decided_at, :due_at, :pools, :body, :features)
ON CONFLICT (model_id, decided_at) DO NOTHING;

-- name: resolve_round
-- scope: platform
UPDATE model_rounds SET outcome = :outcome, resolved_at = :resolved_at, body = NULL
WHERE model_id = :model_id AND decided_at = :decided_at AND resolved_at IS NULL;

-- name: due_rounds
-- scope: platform
SELECT * FROM model_rounds WHERE resolved_at IS NULL AND due_at <= :now ORDER BY decided_at, model_id LIMIT 1000;

-- name: rounds
-- scope: platform
SELECT model_id, decided_at, due_at, pools, NULL::bytea AS body, features, outcome, resolved_at FROM model_rounds
WHERE model_id = :model_id AND decided_at >= :since ORDER BY decided_at LIMIT 1000;

-- name: prune_rounds
-- scope: platform
DELETE FROM model_rounds WHERE decided_at < :before;

-- name: put_switch
INSERT INTO model_switches (organization_id, cluster_id, instance_id, zone_id, instance_type, model_id, switched_at)
VALUES (:organization_id, :cluster_id, :instance_id, :zone_id, :instance_type, :model_id, :switched_at)
ON CONFLICT (cluster_id, instance_id) DO UPDATE
SET zone_id = excluded.zone_id, instance_type = excluded.instance_type, model_id = excluded.model_id,
    switched_at = excluded.switched_at;

-- name: drop_switch
DELETE FROM model_switches WHERE cluster_id = :cluster_id AND instance_id = :instance_id AND {mine};

-- name: switches
-- scope: platform
SELECT * FROM model_switches ORDER BY cluster_id, instance_id;

-- name: pools_in_use
-- scope: platform
SELECT DISTINCT c.region, i.zone_id, i.instance_type FROM instances i JOIN clusters c ON c.id = i.cluster_id
WHERE i.lifecycle = 'spot' AND i.seen_at >= :since ORDER BY 1, 2, 3;

-- name: put_state
-- scope: platform
INSERT INTO risk_states AS s (name, body, as_of, stored_at) VALUES (:name, :body, :as_of, :stored_at)
ON CONFLICT (name) DO UPDATE SET body = excluded.body, as_of = excluded.as_of, stored_at = excluded.stored_at
WHERE s.as_of <= excluded.as_of;

-- name: state
-- scope: platform
SELECT * FROM risk_states WHERE name = :state_name;
