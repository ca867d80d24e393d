import { Alert, Anchor, Button, PasswordInput, Stack, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation } from "@tanstack/react-query";
import { Link, useSearchParams } from "react-router";
import { api, dataOf } from "@/shared/api/client";
import { AuthFrame } from "./frame";
import { FormProblem } from "./problem";
import { fieldErrors } from "./session";

/** A forgotten password: first the mail, then, with the token from it, a new password. */
export function Component() {
  const [params] = useSearchParams();
  const token = params.get("token");
  const back = (
    <Anchor component={Link} underline="always" to="/signin">
      Back to sign-in
    </Anchor>
  );
  return token ? (
    <AuthFrame title="Choose a new password" about={back}>
      <NewPassword token={token} />
    </AuthFrame>
  ) : (
    <AuthFrame title="Forgotten your password?" about={<>We send you a link to choose a new one. {back}</>}>
      <AskForMail />
    </AuthFrame>
  );
}

function AskForMail() {
  const form = useForm({ mode: "uncontrolled", initialValues: { email: "" } });
  const ask = useMutation({
    mutationFn: (body: { email: string }) => dataOf(api.POST("/api/auth/password/reset", { body })),
    onError: (error) => form.setErrors(fieldErrors(error)),
  });
  if (ask.isSuccess)
    return (
      <Alert color="teal" variant="light" role="status">
        If there is an account with this address, a message with a link is on its way.
      </Alert>
    );
  return (
    <form onSubmit={form.onSubmit((values) => ask.mutate(values))} noValidate>
      <Stack>
        <FormProblem error={ask.error} />
        <TextInput
          label="E-mail address"
          type="email"
          autoComplete="username"
          key={form.key("email")}
          {...form.getInputProps("email")}
        />
        <Button type="submit" loading={ask.isPending}>
          Send the link
        </Button>
      </Stack>
    </form>
  );
}

function NewPassword({ token }: { token: string }) {
  const form = useForm({ mode: "uncontrolled", initialValues: { password: "" } });
  const change = useMutation({
    mutationFn: ({ password }: { password: string }) =>
      dataOf(api.POST("/api/auth/password/confirm", { body: { token, password } })),
    onError: (error) => form.setErrors(fieldErrors(error)),
  });
  if (change.isSuccess)
    return (
      <Button component={Link} to="/signin" fullWidth>
        Sign in with the new password
      </Button>
    );
  return (
    <form onSubmit={form.onSubmit((values) => change.mutate(values))} noValidate>
      <Stack>
        <FormProblem error={change.error} />
        <PasswordInput
          label="New password"
          autoComplete="new-password"
          key={form.key("password")}
          {...form.getInputProps("password")}
        />
        <Button type="submit" loading={change.isPending}>
          Change the password
        </Button>
      </Stack>
    </form>
  );
}
