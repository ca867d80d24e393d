import { Alert } from "@mantine/core";
import { IconAlertCircle } from "@tabler/icons-react";
import { ApiError, sentence } from "@/shared/api/errors";

/** What went wrong with a form, unless it stands at a field already. */
export function FormProblem({ error }: { error: unknown }) {
  if (error === null || error === undefined) return null;
  if (error instanceof ApiError && Object.keys(error.fields).length > 0) return null;
  return (
    <Alert color="red" variant="light" icon={<IconAlertCircle />} role="alert">
      {sentence(error)}
    </Alert>
  );
}
