// Command karpenterbench runs Karpenter's provisioning scheduler once over a workload read from standard input (JSON)
// and writes the new nodes, their cost and the seconds of Solve to standard output. The set-up is that of Karpenter's
// own scheduling benchmark: one node pool, an empty cluster, no daemonsets; only Solve is timed.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
	fakeclient "sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/log"

	v1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"
	"sigs.k8s.io/karpenter/pkg/controllers/provisioning/scheduling"
	"sigs.k8s.io/karpenter/pkg/controllers/state"
	"sigs.k8s.io/karpenter/pkg/events"
	"sigs.k8s.io/karpenter/pkg/operator/injection"
	"sigs.k8s.io/karpenter/pkg/operator/logging"
	"sigs.k8s.io/karpenter/pkg/operator/options"
)

const shownErrors = 5

func main() {
	log.SetLogger(logging.NopLogger)
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "karpenterbench:", err)
		os.Exit(1)
	}
}

func run() error {
	var workload Workload
	if err := json.NewDecoder(os.Stdin).Decode(&workload); err != nil {
		return fmt.Errorf("reading the workload: %w", err)
	}
	outcome, err := solve(workload)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(outcome)
}

func solve(workload Workload) (*Outcome, error) {
	catalog, err := instanceTypes(workload.Types)
	if err != nil {
		return nil, err
	}
	pending, err := pods(workload.Pods)
	if err != nil {
		return nil, err
	}
	ctx := options.ToContext(injection.WithControllerName(context.Background(), "provisioner"), operatorOptions())
	scheduler, err := newScheduler(ctx, catalog, pending, schedulerOptions(workload))
	if err != nil {
		return nil, err
	}
	start := time.Now()
	results, err := scheduler.Solve(ctx, pending)
	seconds := time.Since(start).Seconds()
	if err != nil {
		return nil, fmt.Errorf("solving: %w", err)
	}
	return report(results, seconds)
}

func schedulerOptions(workload Workload) []scheduling.Options {
	result := []scheduling.Options{scheduling.NumConcurrentReconciles(workload.Workers)}
	if workload.IgnorePreferences {
		result = append(result, scheduling.IgnorePreferences)
	}
	return result
}

// operatorOptions are Karpenter's defaults, as far as the scheduler reads them.
func operatorOptions() *options.Options {
	return &options.Options{
		PreferencePolicy:  options.PreferencePolicyRespect,
		MinValuesPolicy:   options.MinValuesPolicyStrict,
		IgnoreDRARequests: true,
		FeatureGates:      options.FeatureGates{ReservedCapacity: true},
	}
}

func newScheduler(
	ctx context.Context, catalog []*cloudprovider.InstanceType, pending []*corev1.Pod, opts []scheduling.Options,
) (*scheduling.Scheduler, error) {
	pool := nodePool()
	pools := []*v1.NodePool{pool}
	byPool := map[string][]*cloudprovider.InstanceType{pool.Name: catalog}
	client := fakeclient.NewFakeClient()
	cluster := state.NewCluster(clock.RealClock{}, client, nil)
	topology, err := scheduling.NewTopology(ctx, client, cluster, nil, pools, byPool, pending, opts...)
	if err != nil {
		return nil, fmt.Errorf("building the topology: %w", err)
	}
	recorder := events.NewRecorder(&record.FakeRecorder{})
	return scheduling.NewScheduler(
		ctx, client, pools, cluster, nil, topology, byPool, nil, recorder, clock.RealClock{}, nil, nil, opts...,
	), nil
}

func nodePool() *v1.NodePool {
	return &v1.NodePool{
		ObjectMeta: metav1.ObjectMeta{Name: "default", UID: "default"},
		Spec: v1.NodePoolSpec{
			// Far above any workload: limits are not what is measured.
			Limits: v1.Limits{
				corev1.ResourceCPU:    resource.MustParse("10000000"),
				corev1.ResourceMemory: resource.MustParse("10000000Gi"),
			},
			Template: v1.NodeClaimTemplate{Spec: v1.NodeClaimTemplateSpec{
				NodeClassRef: &v1.NodeClassReference{Group: "bench", Kind: "NodeClass", Name: "default"},
			}},
		},
	}
}

func report(results scheduling.Results, seconds float64) (*Outcome, error) {
	outcome := &Outcome{Seconds: seconds, Nodes: []Node{}, Unscheduled: []string{}, FirstErrors: []string{}}
	for _, claim := range results.NewNodeClaims {
		node, err := cheapest(claim)
		if err != nil {
			return nil, err
		}
		outcome.Nodes = append(outcome.Nodes, node)
		outcome.CostUSDPerH += node.PriceUSDPerH
	}
	for pod, err := range results.PodErrors {
		outcome.Unscheduled = append(outcome.Unscheduled, key(pod))
		if len(outcome.FirstErrors) < shownErrors {
			outcome.FirstErrors = append(outcome.FirstErrors, fmt.Sprintf("%s: %s", key(pod), err))
		}
	}
	return outcome, nil
}

// cheapest is the node as a provider that always has capacity launches it: the first type in Karpenter's own price
// order, at its cheapest offering that the node's requirements allow.
func cheapest(claim *scheduling.NodeClaim) (Node, error) {
	ordered := claim.InstanceTypeOptions.OrderByPrice(claim.Requirements)
	if len(ordered) == 0 {
		return Node{}, fmt.Errorf("a node of %d pods has no instance type left", len(claim.Pods))
	}
	offering := ordered[0].Offerings.Available().Compatible(claim.Requirements).Cheapest()
	if offering == nil {
		return Node{}, fmt.Errorf("%s has no offering left", ordered[0].Name)
	}
	node := Node{
		InstanceType: ordered[0].Name,
		Zone:         offering.Zone(),
		CapacityType: offering.CapacityType(),
		PriceUSDPerH: offering.Price,
		Pods:         make([]string, 0, len(claim.Pods)),
	}
	for _, pod := range claim.Pods {
		node.Pods = append(node.Pods, key(pod))
	}
	return node, nil
}

func key(pod *corev1.Pod) string {
	return pod.Namespace + "/" + pod.Name
}
