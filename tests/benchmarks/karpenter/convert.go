package main

import (
	"fmt"
	"sort"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	v1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"
	"sigs.k8s.io/karpenter/pkg/scheduling"
)

// instanceTypes turns the wire form into Karpenter's. Every label that some type carries becomes well known, as a
// cloud provider registers its own, so that pods may select by it.
func instanceTypes(wire []InstanceType) ([]*cloudprovider.InstanceType, error) {
	keys := labelKeys(wire)
	v1.WellKnownLabels.Insert(keys...)
	result := make([]*cloudprovider.InstanceType, 0, len(wire))
	for _, it := range wire {
		capacity, err := resources(it.Allocatable)
		if err != nil {
			return nil, fmt.Errorf("instance type %s: %w", it.Name, err)
		}
		result = append(result, &cloudprovider.InstanceType{
			Name:         it.Name,
			Requirements: requirements(it, keys),
			Offerings:    offerings(it.Offerings),
			Capacity:     capacity,
			Overhead:     &cloudprovider.InstanceTypeOverhead{},
		})
	}
	return result, nil
}

func labelKeys(wire []InstanceType) []string {
	seen := map[string]bool{}
	for _, it := range wire {
		for key := range it.Labels {
			seen[key] = true
		}
	}
	keys := make([]string, 0, len(seen))
	for key := range seen {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

func requirements(it InstanceType, keys []string) scheduling.Requirements {
	var zones, capacityTypes []string
	for _, o := range it.Offerings {
		zones = append(zones, o.Zone)
		capacityTypes = append(capacityTypes, o.CapacityType)
	}
	result := scheduling.NewRequirements(
		scheduling.NewRequirement(corev1.LabelInstanceTypeStable, corev1.NodeSelectorOpIn, it.Name),
		scheduling.NewRequirement(corev1.LabelOSStable, corev1.NodeSelectorOpIn, string(corev1.Linux)),
		scheduling.NewRequirement(corev1.LabelTopologyZone, corev1.NodeSelectorOpIn, zones...),
		scheduling.NewRequirement(v1.CapacityTypeLabelKey, corev1.NodeSelectorOpIn, capacityTypes...),
	)
	for _, key := range keys {
		if value, ok := it.Labels[key]; ok {
			result.Add(scheduling.NewRequirement(key, corev1.NodeSelectorOpIn, value))
		} else {
			result.Add(scheduling.NewRequirement(key, corev1.NodeSelectorOpDoesNotExist))
		}
	}
	return result
}

func offerings(wire []Offering) cloudprovider.Offerings {
	result := make(cloudprovider.Offerings, 0, len(wire))
	for _, o := range wire {
		result = append(result, &cloudprovider.Offering{
			Available: true,
			Price:     o.Price,
			Requirements: scheduling.NewLabelRequirements(map[string]string{
				v1.CapacityTypeLabelKey:  o.CapacityType,
				corev1.LabelTopologyZone: o.Zone,
			}),
		})
	}
	return result
}

func pods(wire []Pod) ([]*corev1.Pod, error) {
	result := make([]*corev1.Pod, 0, len(wire))
	for i, p := range wire {
		requests, err := resources(p.Requests)
		if err != nil {
			return nil, fmt.Errorf("pod %s/%s: %w", p.Namespace, p.Name, err)
		}
		result = append(result, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: p.Namespace,
				Name:      p.Name,
				Labels:    p.Labels,
				// Karpenter caches what it knows of a pod by its UID.
				UID: types.UID(fmt.Sprintf("pod-%06d", i)),
			},
			Spec: corev1.PodSpec{
				NodeSelector:              p.NodeSelector,
				Affinity:                  affinity(p),
				TopologySpreadConstraints: spread(p.Spread),
				Containers:                []corev1.Container{{Resources: corev1.ResourceRequirements{Requests: requests}}},
			},
			Status: corev1.PodStatus{Phase: corev1.PodPending},
		})
	}
	return result, nil
}

func affinity(p Pod) *corev1.Affinity {
	result := &corev1.Affinity{}
	if len(p.Affinity) > 0 {
		result.PodAffinity = &corev1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: terms(p.Affinity)}
	}
	if len(p.AntiAffinity)+len(p.PreferredAntiAffinity) > 0 {
		result.PodAntiAffinity = &corev1.PodAntiAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution:  terms(p.AntiAffinity),
			PreferredDuringSchedulingIgnoredDuringExecution: weighted(p.PreferredAntiAffinity),
		}
	}
	result.NodeAffinity = nodeAffinity(p)
	return result
}

func nodeAffinity(p Pod) *corev1.NodeAffinity {
	result := &corev1.NodeAffinity{}
	if len(p.NodeAffinity) > 0 {
		result.RequiredDuringSchedulingIgnoredDuringExecution = &corev1.NodeSelector{}
	}
	for _, alternative := range p.NodeAffinity {
		required := result.RequiredDuringSchedulingIgnoredDuringExecution
		required.NodeSelectorTerms = append(required.NodeSelectorTerms, nodeTerm(alternative))
	}
	if p.PreferredZone != "" {
		zone := Requirement{Key: corev1.LabelTopologyZone, Operator: "In", Values: []string{p.PreferredZone}}
		preferred := corev1.PreferredSchedulingTerm{Weight: 1, Preference: nodeTerm([]Requirement{zone})}
		result.PreferredDuringSchedulingIgnoredDuringExecution = []corev1.PreferredSchedulingTerm{preferred}
	}
	return result
}

func nodeTerm(wire []Requirement) corev1.NodeSelectorTerm {
	result := corev1.NodeSelectorTerm{}
	for _, r := range wire {
		result.MatchExpressions = append(result.MatchExpressions, corev1.NodeSelectorRequirement{
			Key: r.Key, Operator: corev1.NodeSelectorOperator(r.Operator), Values: r.Values,
		})
	}
	return result
}

func terms(wire []Term) []corev1.PodAffinityTerm {
	var result []corev1.PodAffinityTerm
	for _, t := range wire {
		result = append(result, corev1.PodAffinityTerm{
			TopologyKey:   t.TopologyKey,
			LabelSelector: &metav1.LabelSelector{MatchLabels: t.MatchLabels},
		})
	}
	return result
}

func weighted(wire []Term) []corev1.WeightedPodAffinityTerm {
	var result []corev1.WeightedPodAffinityTerm
	for i, term := range terms(wire) {
		result = append(result, corev1.WeightedPodAffinityTerm{Weight: wire[i].Weight, PodAffinityTerm: term})
	}
	return result
}

func spread(wire []Term) []corev1.TopologySpreadConstraint {
	var result []corev1.TopologySpreadConstraint
	for _, t := range wire {
		result = append(result, corev1.TopologySpreadConstraint{
			MaxSkew:           t.MaxSkew,
			TopologyKey:       t.TopologyKey,
			WhenUnsatisfiable: corev1.DoNotSchedule,
			LabelSelector:     &metav1.LabelSelector{MatchLabels: t.MatchLabels},
		})
	}
	return result
}

func resources(wire map[string]string) (corev1.ResourceList, error) {
	result := corev1.ResourceList{}
	for name, amount := range wire {
		quantity, err := resource.ParseQuantity(amount)
		if err != nil {
			return nil, fmt.Errorf("%s of %q: %w", name, amount, err)
		}
		result[corev1.ResourceName(name)] = quantity
	}
	return result, nil
}
