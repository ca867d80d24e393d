import { Alert, Anchor, Button, PasswordInput, Stack, TextInput } from "@mantine/core";
import { isNotEmpty, useForm } from "@mantine/form";
import { useMutation } from "@tanstack/react-query";
import { Link, useSearchParams } from "react-router";
import { api, dataOf } from "@/shared/api/client";
import { mayBeEmail } from "./checks";
import { AuthFrame } from "./frame";
import { FormProblem } from "./problem";
import { fieldErrors, useEnter } from "./session";

export function Component() {
  const [params] = useSearchParams();
  const enter = useEnter();
  const form = useForm({
    mode: "uncontrolled",
    initialValues: { email: "", password: "" },
    validate: { email: mayBeEmail, password: isNotEmpty("Enter your password") },
  });
  const signIn = useMutation({
    mutationFn: async (values: { email: string; password: string }) => {
      await dataOf(api.POST("/api/auth/token", { body: { ...values, session: "cookie" } }));
      await enter();
    },
    onError: (error) => form.setErrors(fieldErrors(error)),
  });
  const query = params.toString();
  return (
    <AuthFrame
      title="Sign in"
      about={
        <>
          New here?{" "}
          <Anchor component={Link} underline="always" to={`/signup${query && `?${query}`}`}>
            Make an account
          </Anchor>
        </>
      }
    >
      <form onSubmit={form.onSubmit((values) => signIn.mutate(values))} noValidate>
        <Stack gap="md">
          {params.has("ended") && !signIn.error && (
            <Alert color="blue" variant="light" role="status">
              Your session has ended. Sign in to go on where you were.
            </Alert>
          )}
          <FormProblem error={signIn.error} />
          <TextInput
            label="E-mail address"
            type="email"
            autoComplete="username"
            autoFocus
            key={form.key("email")}
            {...form.getInputProps("email")}
          />
          <PasswordInput
            label="Password"
            autoComplete="current-password"
            key={form.key("password")}
            {...form.getInputProps("password")}
          />
          <Button
            type="submit"
            fullWidth
            loading={signIn.isPending}
            data-feature="any-auth-form-reuse-dep-submit-signin"
          >
            Sign in
          </Button>
          <Anchor component={Link} to="/reset" size="sm">
            Forgotten your password?
          </Anchor>
        </Stack>
      </form>
    </AuthFrame>
  );
}
