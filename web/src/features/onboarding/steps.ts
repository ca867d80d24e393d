import type { Mode } from "@/shared/api/types";

export type StepName = "welcome" | "mode" | "aws" | "discovery" | "install";

/** The steps of a way in: with an AWS account, or by the agent alone. */
export function stepsFor(mode: string | null): StepName[] {
  return mode === "lab" ? ["welcome", "mode", "install"] : ["welcome", "mode", "aws", "discovery", "install"];
}

/** What becomes of the plans of clusters that are connected on this way in. */
export const modeFor = (mode: string | null): Mode => (mode === "production" ? "approve" : "recommend");
