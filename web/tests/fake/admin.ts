/** The fake platform as its admins see it. */

import type { Flag, Health, Model, Workers } from "@/shared/api/types";

const NOW = new Date().toISOString();
const later = (minutes: number) => new Date(Date.now() + minutes * 60_000).toISOString();

export const HEALTH: Health = {
  light: "amber",
  parts: [
    { name: "PostgreSQL", light: "green", detail: "", ms: 1.4 },
    { name: "Redis", light: "green", detail: "", ms: 0.3 },
    { name: "Cluster hosts", light: "green", detail: "2 of 2 answer", ms: 2.1 },
    { name: "Prices", light: "amber", detail: "eu-west-3 is 12 minutes old", ms: null },
  ],
  at: NOW,
};

const worker = (name: string, detail: string): Workers["workers"][number] => ({
  name,
  light: "green",
  detail,
  seen_at: NOW,
  figures: {},
});

export const WORKERS: Workers = {
  workers: [
    worker("ClusterHost-0", "41 clusters"),
    worker("ClusterHost-1", "39 clusters"),
    worker("Events", "0 waiting"),
    worker("Clock", "next in 12 s"),
  ],
  queue: {
    waiting: { high: 0, low: 3 },
    in_hand: { high: 0, low: 1 },
    delayed: 0,
    dead: 0,
    oldest_waiting_s: 0.12,
    accepted: 18_204,
    done: 18_200,
    retried: 4,
    died: 0,
  },
  runs: [
    { job: "discovery", due_at: NOW, done_at: NOW, error: "" },
    { job: "prices", due_at: NOW, done_at: NOW, error: "" },
    { job: "savings", due_at: NOW, done_at: null, error: "" },
    { job: "orphans", due_at: NOW, done_at: NOW, error: "AWS did not answer within 30 s" },
  ],
  gateway: {
    process: 4_211,
    answers_by_status: { 200: 91_204, 304: 4_100, 401: 12 },
    agents_connected: 80,
    heard_of_risk_at: NOW,
  },
  at: NOW,
};

const flag = (region: string, zone_id: string, instance_type: string, minutes: number): Flag => ({
  region,
  zone_id,
  instance_type,
  until: later(minutes),
  reason: {},
  evidence: [
    {
      kind: "spot_interruption_warning",
      cluster_id: "c",
      organization_id: "o",
      instance_id: `i-0${minutes}a7`,
      known: true,
      at: NOW,
    },
  ],
});

export const FLAGS: Flag[] = [
  flag("us-east-1", "use1-az6", "c5.xlarge", 24),
  flag("us-east-1", "use1-az1", "c5.xlarge", 11),
  flag("us-east-1", "use1-az6", "m5.2xlarge", 29),
  flag("eu-central-1", "euc1-az2", "r6i.4xlarge", 7),
];

export const MODELS: Model[] = [
  {
    id: "00000011-0000-4000-8000-000000000001",
    name: "interruption",
    version: "1.0",
    file: "model.txt",
    sha256: "9f2b".repeat(16),
    status: "production",
    created_at: NOW,
    uploaded_by: "",
    families: [],
    problem: "",
    metrics: { auc: 0.81, brier: 0.043, log_loss: 0.17 },
  },
];
