import { Text, Title } from "@mantine/core";
import { IconFlask, IconRocket } from "@tabler/icons-react";
import classes from "./wizard.module.css";

const MODES = [
  [
    "production",
    IconRocket,
    "Production",
    "Connect an AWS account by a role of least rights. Clusters are found by themselves. They begin in the mode Approve: a plan is carried out once you approve it.",
  ],
  [
    "lab",
    IconFlask,
    "Lab",
    "Only the agent, no AWS account. Clusters begin in the mode Recommend: plans are shown, nothing can be launched or terminated. Connect AWS later.",
  ],
] as const;

export function Mode({ choose }: { choose: (mode: "production" | "lab") => void }) {
  return (
    <>
      <Title order={1} size="h2">
        How do you want to begin?
      </Title>
      <Text c="dimmed" mt={6} mb="xl">
        It is the mode that your clusters begin with. Each can be changed at any time, in its overview.
      </Text>
      <div className={classes.choices}>
        {MODES.map(([mode, Icon, title, text]) => (
          <button key={mode} type="button" className={classes.choice} onClick={() => choose(mode)}>
            <span className={classes.pointIcon} aria-hidden>
              <Icon size={22} />
            </span>
            <strong>{title}</strong>
            <span className={classes.choiceText}>{text}</span>
          </button>
        ))}
      </div>
    </>
  );
}
