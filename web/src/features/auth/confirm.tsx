import { Anchor, Button, Stack } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { Link, useSearchParams } from "react-router";
import { api, dataOf } from "@/shared/api/client";
import { AuthFrame } from "./frame";
import { FormProblem } from "./problem";

/** Where the link in the confirmation mail leads. A click confirms, so that programs that look into mails do not. */
export function Component() {
  const [params] = useSearchParams();
  const token = params.get("token") ?? "";
  const confirm = useMutation({ mutationFn: () => dataOf(api.POST("/api/auth/confirm", { body: { token } })) });
  if (confirm.isSuccess)
    return (
      <AuthFrame title="Your address is confirmed" about="All is ready.">
        <Button component={Link} to="/" fullWidth>
          Go on
        </Button>
      </AuthFrame>
    );
  return (
    <AuthFrame title="Confirm your address" about="One click, and it is known to be yours.">
      <Stack>
        <FormProblem error={confirm.error} />
        <Button fullWidth loading={confirm.isPending} disabled={token === ""} onClick={() => confirm.mutate()}>
          Confirm my address
        </Button>
        <Anchor component={Link} to="/" size="sm">
          To the start
        </Anchor>
      </Stack>
    </AuthFrame>
  );
}
