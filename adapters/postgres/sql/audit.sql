-- name: lock
SELECT seq, hash FROM lock_audit_chain(:organization_id);

-- name: append
INSERT INTO audit_logs (seq, id, organization_id, at, actor, on_behalf_of, event, resource_type, resource, outcome, text,
                        ip, user_agent, request_id, before, after, previous_hash, hash)
SELECT * FROM unnest(:seq::bigint[], :id::uuid[], :organization_id::uuid[], :at::timestamptz[], :actor::text[],
                     :on_behalf_of::text[], :event::text[], :resource_type::text[], :resource::text[],
                     :outcome::text[], :text::text[], :ip::text[], :user_agent::text[], :request_id::text[],
                     :before::json[], :after::json[], :previous_hash::bytea[], :hash::bytea[]);

-- name: page
SELECT * FROM audit_logs
WHERE chain = :chain AND {mine} AND {page at id}
  AND (:since::timestamptz IS NULL OR at >= :since) AND (:until::timestamptz IS NULL OR at < :until)
  AND (:actor::text IS NULL OR actor = :actor) AND (:event::text IS NULL OR event = :event)
  AND (:resource_type::text IS NULL OR resource_type = :resource_type)
  AND (:resource::text IS NULL OR resource = :resource) AND (:outcome::text IS NULL OR outcome = :outcome)
ORDER BY at DESC, id DESC LIMIT :most;

-- name: get
SELECT * FROM audit_logs WHERE id = :entry_id AND {mine};

-- name: start
SELECT seq, hash FROM audit_checkpoints WHERE chain = :chain AND {mine} ORDER BY seq DESC LIMIT 1;

-- name: head
SELECT seq, hash FROM audit_heads WHERE chain = :chain AND {mine};

-- name: behind
SELECT * FROM audit_logs WHERE chain = :chain AND seq > :seq AND {mine} ORDER BY seq LIMIT 2000;

-- name: chains
-- scope: platform
SELECT organization_id FROM audit_heads ORDER BY chain;

-- name: archive
SELECT * FROM archive_audit_chain(:organization_id, :now, 10000);
