import { Button, Text, Title } from "@mantine/core";
import { IconChecklist, IconEye, IconShieldCheck } from "@tabler/icons-react";
import classes from "./wizard.module.css";

const POINTS = [
  [
    IconEye,
    "Look first",
    "The agent reads your cluster and reports. A first plan shows what could be saved, with its proof.",
  ],
  [
    IconChecklist,
    "Then decide",
    "Every step has its reason. Nothing is changed before you approve a plan, or allow it by policy.",
  ],
  [
    IconShieldCheck,
    "Stay stable",
    "Disruption budgets are kept. When AWS takes a node anywhere, everybody avoids that capacity at once.",
  ],
] as const;

export function Welcome({ next }: { next: () => void }) {
  return (
    <>
      <Title order={1} size="h2">
        The same pods, on fewer and cheaper nodes
      </Title>
      <Text c="dimmed" mt={6} mb="xl">
        Connecting the first cluster takes about five minutes. You need a terminal with Helm, and for changes an AWS
        account.
      </Text>
      <ul className={classes.points}>
        {POINTS.map(([Icon, title, text]) => (
          <li key={title}>
            <span className={classes.pointIcon} aria-hidden>
              <Icon size={20} />
            </span>
            <span>
              <strong>{title}</strong>
              <Text c="dimmed">{text}</Text>
            </span>
          </li>
        ))}
      </ul>
      <Button mt="xl" onClick={next}>
        Begin
      </Button>
    </>
  );
}
