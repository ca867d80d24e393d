/** Short names of what the API answers. */

import type { components as plan } from "./plan";
import type { components } from "./schema";

type Schemas = components["schemas"];
type PlanSchemas = plan["schemas"];

export type Me = Schemas["Me"];
export type Cluster = Schemas["ClusterModel"];
export type ClusterRow = Schemas["ClusterRowModel"];
export type ClusterDetail = Schemas["ClusterDetail"];
export type Policy = Schemas["PolicyAnswer"];
export type Mode = Schemas["Mode"];
export type Job = Schemas["JobModel"];
export type PlanSummary = Schemas["PlanModel"];
export type PlanDetail = Schemas["PlanDetail"];
export type Decision = Schemas["DecisionModel"];
export type Saga = Schemas["SagaModel"];
export type Account = Schemas["AccountModel"];
export type AccountVerdict = Schemas["VerifyAccountAnswer"];
export type Invitation = Schemas["InvitationAnswer"];
export type FoundCluster = Schemas["FoundClusterModel"];
export type ApiKey = Schemas["ApiKeyModel"];
export type Kpi = Schemas["KpiAnswer"];
export type Composition = Schemas["CompositionAnswer"];
export type Projection = Schemas["ProjectionAnswer"];
export type Activity = Schemas["ActivityModel"];
export type AuditEntry = Schemas["AuditModel"];
export type AuditDiff = Schemas["AuditDiff"];
export type PlanBody = PlanSchemas["PlanBody"];
export type PlanAction = PlanSchemas["ActionModel"];
export type PlanNode = PlanSchemas["NodeModel"];
export type Health = Schemas["HealthAnswer"];
export type Workers = Schemas["WorkersAnswer"];
export type Flag = Schemas["FlagModel"];
export type Model = Schemas["ModelModel"];
