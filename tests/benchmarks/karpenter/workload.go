package main

// Workload is what the benchmark sends: instance types with their offerings, and the pods that wait for a node.
type Workload struct {
	Types             []InstanceType `json:"types"`
	Pods              []Pod          `json:"pods"`
	IgnorePreferences bool           `json:"ignore_preferences"`
	Workers           int            `json:"workers"`
}

// InstanceType has amounts as Kubernetes quantities: what pods fit into, overhead already taken off.
type InstanceType struct {
	Name        string            `json:"name"`
	Allocatable map[string]string `json:"allocatable"`
	Labels      map[string]string `json:"labels"`
	Offerings   []Offering        `json:"offerings"`
}

// Offering is one zone and capacity type, with its price in USD per hour.
type Offering struct {
	Zone         string  `json:"zone"`
	CapacityType string  `json:"capacity_type"`
	Price        float64 `json:"price"`
}

// Pod carries the rules that the workloads use. Terms bind; the Preferred ones do not.
type Pod struct {
	Namespace             string            `json:"namespace"`
	Name                  string            `json:"name"`
	Labels                map[string]string `json:"labels"`
	Requests              map[string]string `json:"requests"`
	NodeSelector          map[string]string `json:"node_selector"`
	NodeAffinity          [][]Requirement   `json:"node_affinity"`
	Spread                []Term            `json:"spread"`
	Affinity              []Term            `json:"affinity"`
	AntiAffinity          []Term            `json:"anti_affinity"`
	PreferredZone         string            `json:"preferred_zone"`
	PreferredAntiAffinity []Term            `json:"preferred_anti_affinity"`
}

// Requirement is one entry of matchExpressions. A pod's node affinity lists alternatives of several each.
type Requirement struct {
	Key      string   `json:"key"`
	Operator string   `json:"operator"`
	Values   []string `json:"values"`
}

// Term is a topology key and the labels of the pods it looks at. MaxSkew is read for spread, Weight for preferences.
type Term struct {
	TopologyKey string            `json:"topology_key"`
	MatchLabels map[string]string `json:"match_labels"`
	MaxSkew     int32             `json:"max_skew"`
	Weight      int32             `json:"weight"`
}

// Outcome is what Karpenter made of it.
type Outcome struct {
	Seconds     float64  `json:"seconds"`
	CostUSDPerH float64  `json:"cost_usd_per_h"`
	Nodes       []Node   `json:"nodes"`
	Unscheduled []string `json:"unscheduled"`
	FirstErrors []string `json:"first_errors"`
}

// Node is a new node at its cheapest remaining offering, with the keys (namespace/name) of its pods.
type Node struct {
	InstanceType string   `json:"instance_type"`
	Zone         string   `json:"zone"`
	CapacityType string   `json:"capacity_type"`
	PriceUSDPerH float64  `json:"price_usd_per_h"`
	Pods         []string `json:"pods"`
}
