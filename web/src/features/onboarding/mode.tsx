import { Text, Title } from "@mantine/core";
import { IconFlask, IconRocket } from "@tabler/icons-react";
import classes from "./wizard.module.css";

const MODES = [
  [
    "production",
    IconRocket,
    "Production",
    "Connect an AWS account by a role of least rights. Clusters are found by themselves, and approved plans are carried out.",
  ],
  [
    "lab",
    IconFlask,
    "Lab",
    "Only the agent, no AWS account. Plans are made and shown; nothing can be launched or terminated. Connect AWS later.",
  ],
] as const;

export function Mode({ choose }: { choose: (mode: "production" | "lab") => void }) {
  return (
    <>
      <Title order={1} size="h2">
        How do you want to begin?
      </Title>
      <Text c="dimmed" mt={6} mb="xl">
        You can change this at any time.
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
