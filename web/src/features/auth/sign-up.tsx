import { Alert, Anchor, Button, PasswordInput, Stack, TextInput } from "@mantine/core";
import { isNotEmpty, useForm } from "@mantine/form";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useSearchParams } from "react-router";
import { api, dataOf } from "@/shared/api/client";
import { mayBeEmail } from "./checks";
import { AuthFrame } from "./frame";
import { FormProblem } from "./problem";
import { fieldErrors, useEnter } from "./session";

/** As the service asks for it; whether it is a weak one only the service knows. */
const SHORTEST_PASSWORD = 10;

export function Component() {
  const [params] = useSearchParams();
  const enter = useEnter();
  const [confirming, setConfirming] = useState("");
  const form = useForm({
    mode: "uncontrolled",
    initialValues: { organization: "", name: "", email: "", password: "" },
    validate: {
      organization: isNotEmpty("Enter the name of your organisation"),
      email: mayBeEmail,
      password: (value) => (value.length < SHORTEST_PASSWORD ? `Use at least ${SHORTEST_PASSWORD} characters` : null),
    },
  });
  const signUp = useMutation({
    mutationFn: async (values: typeof form.values) => {
      const answer = await dataOf(api.POST("/api/auth/signup", { body: { ...values, session: "cookie" } }));
      if (answer.session) await enter();
      else setConfirming(values.email);
    },
    onError: (error) => form.setErrors(fieldErrors(error)),
  });
  const query = params.toString();
  const toSignIn = (
    <Anchor component={Link} underline="always" to={`/signin${query && `?${query}`}`}>
      Sign in
    </Anchor>
  );
  if (confirming !== "")
    return (
      <AuthFrame title="Look into your mail" about={<>Once you have confirmed your address: {toSignIn}</>}>
        <Alert color="teal" variant="light" role="status">
          A message with a link is on its way to {confirming}. Open the link to confirm the address.
        </Alert>
      </AuthFrame>
    );
  return (
    <AuthFrame title="Make an account" about={<>Already have one? {toSignIn}</>}>
      <form onSubmit={form.onSubmit((values) => signUp.mutate(values))} noValidate>
        <Stack gap="md">
          <FormProblem error={signUp.error} />
          <TextInput
            label="Organisation"
            autoComplete="organization"
            autoFocus
            key={form.key("organization")}
            {...form.getInputProps("organization")}
          />
          <TextInput label="Your name" autoComplete="name" key={form.key("name")} {...form.getInputProps("name")} />
          <TextInput
            label="E-mail address"
            type="email"
            autoComplete="username"
            key={form.key("email")}
            {...form.getInputProps("email")}
          />
          <PasswordInput
            label="Password"
            description={`At least ${SHORTEST_PASSWORD} characters. Four unrelated words are easy to remember and hard to guess.`}
            autoComplete="new-password"
            key={form.key("password")}
            {...form.getInputProps("password")}
          />
          <Button
            type="submit"
            fullWidth
            loading={signUp.isPending}
            data-feature="any-auth-form-reuse-dep-submit-signup"
          >
            Make the account
          </Button>
        </Stack>
      </form>
    </AuthFrame>
  );
}
