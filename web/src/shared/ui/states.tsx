/** What a list or a page shows while it has nothing to show. */

import { Alert, Button, Skeleton, Text, Title } from "@mantine/core";
import { IconAlertTriangle, IconRefresh } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { ApiError, sentence } from "@/shared/api/errors";
import classes from "./states.module.css";

interface EmptyProps {
  title: string;
  children: ReactNode;
  icon?: ReactNode;
  action?: ReactNode;
}

/** Nothing is there: why, and what to do about it. */
export function Empty({ title, children, icon, action }: EmptyProps) {
  return (
    <div className={classes.empty}>
      {icon && (
        <div className={classes.icon} aria-hidden>
          {icon}
        </div>
      )}
      <Title order={2} size="h4">
        {title}
      </Title>
      <Text c="dimmed" maw={460}>
        {children}
      </Text>
      {action}
    </div>
  );
}

/** Something could not be read: what, and how to try again. */
export function Failure({ error, retry, what }: { error: unknown; retry?: () => void; what: string }) {
  const id = error instanceof ApiError ? error.requestId : "";
  return (
    <Alert color="red" variant="light" icon={<IconAlertTriangle />} title={`${what} could not be read`} role="alert">
      <Text size="sm">{sentence(error)}</Text>
      {id !== "" && (
        <Text size="xs" c="dimmed" mt={4}>
          Request {id}
        </Text>
      )}
      {retry && (
        <Button mt="sm" size="xs" variant="default" leftSection={<IconRefresh size={14} />} onClick={retry}>
          Try again
        </Button>
      )}
    </Alert>
  );
}

/** Rows that are on their way, as high as they will be. */
export function Loading({ rows = 6, height = 44, label }: { rows?: number; height?: number; label: string }) {
  return (
    <div role="status" aria-label={`${label} is being read`} className={classes.loading}>
      {Array.from({ length: rows }, (_, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: rows without identity
        <Skeleton key={row} height={height - 12} radius="sm" my={6} />
      ))}
    </div>
  );
}
