import { Button, Text } from "@mantine/core";
import { IconCheck } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { useNavigate, useSearchParams } from "react-router";
import { api, dataOf } from "@/shared/api/client";
import { keys } from "@/shared/api/queries";
import { Brand } from "@/shared/ui/brand";
import { Account } from "./account";
import { Discovery } from "./discovery";
import { Installation } from "./installation";
import { Mode } from "./mode";
import { modeFor, type StepName, stepsFor } from "./steps";
import { Welcome } from "./welcome";
import classes from "./wizard.module.css";

const TITLES: Record<StepName, string> = {
  welcome: "Welcome",
  mode: "How to begin",
  aws: "AWS account",
  discovery: "Clusters",
  install: "Agent",
};

/** From an empty organisation to the first connected cluster. Where one is stands in the address. */
export function Component() {
  const [params, setParams] = useSearchParams();
  const steps = stepsFor(params.get("mode"));
  const step = steps.find((name) => name === params.get("step")) ?? "welcome";
  const mode = modeFor(params.get("mode"));
  const skip = useSkip();
  useEffect(() => {
    document.title = `${TITLES[step]} · Spot Optimizer`;
  }, [step]);
  const go = (to: StepName, more: Record<string, string> = {}) =>
    setParams((before) => new URLSearchParams({ ...Object.fromEntries(before), step: to, ...more }));
  const number = steps.indexOf(step);
  return (
    <div className={classes.wizard}>
      <header className={classes.header}>
        <Brand />
        <Button variant="subtle" color="gray" loading={skip.isPending} onClick={() => skip.mutate()}>
          Skip for now
        </Button>
      </header>
      <div className={classes.columns}>
        <nav aria-label="Steps">
          <ol className={classes.steps}>
            {steps.map((name, place) => (
              <li
                key={name}
                data-state={place < number ? "done" : place === number ? "now" : "ahead"}
                aria-current={place === number ? "step" : undefined}
              >
                <span className={classes.number} aria-hidden>
                  {place < number ? <IconCheck size={14} /> : place + 1}
                </span>
                {TITLES[name]}
              </li>
            ))}
          </ol>
        </nav>
        <main
          className={classes.main}
          data-feature={step === "welcome" ? "client-onboard-wizard-unique-indep-view-step1" : undefined}
        >
          <Text size="sm" c="dimmed" mb={4} className={classes.count}>
            Step {number + 1} of {steps.length}
          </Text>
          {step === "welcome" && <Welcome next={() => go("mode")} />}
          {step === "mode" && <Mode choose={(mode) => go(mode === "lab" ? "install" : "aws", { mode })} />}
          {step === "aws" && <Account next={() => go("discovery")} />}
          {step === "discovery" && <Discovery mode={mode} next={(cluster) => go("install", { cluster })} />}
          {step === "install" && (
            <Installation
              mode={mode}
              clusterId={params.get("cluster")}
              chosen={(cluster) => go("install", { cluster })}
            />
          )}
          {number > 0 && (
            <Button variant="subtle" color="gray" mt="xl" px={0} onClick={() => go(steps[number - 1] ?? "welcome")}>
              Back
            </Button>
          )}
        </main>
      </div>
    </div>
  );
}

/** Leaves for the dashboard; the service remembers it. */
function useSkip() {
  const client = useQueryClient();
  const navigate = useNavigate();
  return useMutation({
    mutationFn: () => dataOf(api.POST("/api/onboard/skip")),
    onSettled: async () => {
      await client.invalidateQueries({ queryKey: keys.me });
      await navigate("/dashboard");
    },
  });
}
