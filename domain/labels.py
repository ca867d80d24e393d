"""Well-known Kubernetes, EKS and Karpenter label, taint and annotation keys."""

HOSTNAME = "kubernetes.io/hostname"
ARCH = "kubernetes.io/arch"
OS = "kubernetes.io/os"
INSTANCE_TYPE = "node.kubernetes.io/instance-type"
REGION = "topology.kubernetes.io/region"
ZONE = "topology.kubernetes.io/zone"
ZONE_ID = "topology.k8s.aws/zone-id"
KARPENTER_CAPACITY_TYPE = "karpenter.sh/capacity-type"
EKS_CAPACITY_TYPE = "eks.amazonaws.com/capacityType"

KARPENTER_NODE_POOL = "karpenter.sh/nodepool"

NODE_GROUPS = (
    KARPENTER_NODE_POOL,
    "karpenter.sh/provisioner-name",
    "eks.amazonaws.com/nodegroup",
    "alpha.eksctl.io/nodegroup-name",
    "cloud.google.com/gke-nodepool",
)
"""Labels that name the customer's group of a node, the first one present wins."""

LEGACY = {
    "beta.kubernetes.io/arch": ARCH,
    "beta.kubernetes.io/os": OS,
    "beta.kubernetes.io/instance-type": INSTANCE_TYPE,
    "failure-domain.beta.kubernetes.io/zone": ZONE,
    "failure-domain.beta.kubernetes.io/region": REGION,
}
"""Deprecated keys, still found in manifests, and the key that replaced each."""

DO_NOT_DISRUPT = "karpenter.sh/do-not-disrupt"
SAFE_TO_EVICT = "cluster-autoscaler.kubernetes.io/safe-to-evict"
SCALE_DOWN_DISABLED = "cluster-autoscaler.kubernetes.io/scale-down-disabled"
MIRROR_POD = "kubernetes.io/config.mirror"
UNSCHEDULABLE_TAINT = "node.kubernetes.io/unschedulable"
TAINT_PREFIXES_OF_STATE = ("node.kubernetes.io/", "node.cloudprovider.kubernetes.io/")
"""Taints that tell a node's state, not its purpose: never part of a node template."""

KARPENTER_INSTANCE_PREFIX = "karpenter.k8s.aws/instance-"
