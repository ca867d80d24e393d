import { Alert, Button, Stack, Text } from "@mantine/core";
import type { AccountVerdict } from "@/shared/api/types";
import { Light, type Tone } from "@/shared/ui/light";
import classes from "./wizard.module.css";

const TONES: Record<string, readonly [Tone, string]> = {
  granted: ["good", "Granted"],
  missing: ["bad", "Missing"],
  unknown: ["idle", "Not known"],
};

/** What the test of a role has shown, right by right; what is missing first. */
export function Permissions({ answer, next }: { answer: AccountVerdict; next: () => void }) {
  const rank = (granted: string) => (granted === "missing" ? 0 : granted === "unknown" ? 1 : 2);
  const permissions = answer.permissions.toSorted((a, b) => rank(a.answer) - rank(b.answer));
  const [colour, title] = !answer.lets_in
    ? ["red", "The role does not let us in"]
    : answer.may_act
      ? ["teal", "The role works"]
      : ["orange", "The role lets us look, but not act"];
  return (
    <Stack w="100%">
      <Alert color={colour} variant="light" title={title} role="status">
        {answer.account.status_reason ||
          (answer.may_act
            ? "All that is needed is granted."
            : "Plans are shown; without the missing rights they are not carried out.")}
      </Alert>
      {permissions.length > 0 && (
        <ul className={classes.permissions} aria-label="Rights of the role">
          {permissions.map((one) => {
            const [tone, word] = TONES[one.answer] ?? ["idle", one.answer];
            return (
              <li key={one.action}>
                <Light tone={tone}>{word}</Light>
                <span>
                  <code>{one.action}</code>
                  <Text size="sm" c="dimmed">
                    {one.detail || one.why}
                  </Text>
                </span>
              </li>
            );
          })}
        </ul>
      )}
      {answer.lets_in && (
        <Button onClick={next} style={{ alignSelf: "flex-start" }}>
          Look for clusters
        </Button>
      )}
    </Stack>
  );
}
