-- What the agent does with NodePools of Karpenter.
ALTER TABLE agent_actions DROP CONSTRAINT agent_actions_kind_check;
ALTER TABLE agent_actions ADD CONSTRAINT agent_actions_kind_check
    CHECK (kind IN ('evict_pod', 'cordon_node', 'uncordon_node', 'drain_node', 'label_node', 'update_deployment',
                    'narrow_node_pools', 'restore_node_pools'));
