import { Alert, Anchor, Button, Stack, Text, TextInput, Title } from "@mantine/core";
import { useForm } from "@mantine/form";
import { IconExternalLink } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, dataOf } from "@/shared/api/client";
import { ApiError, sentence } from "@/shared/api/errors";
import { keys } from "@/shared/api/queries";
import type { Invitation } from "@/shared/api/types";
import { Copyable } from "@/shared/ui/copy";
import { Permissions } from "./permissions";

/** Links an AWS account: its number, the stack that makes the role, the test of the role. */
export function Account({ next }: { next: () => void }) {
  const form = useForm({
    mode: "uncontrolled",
    initialValues: { aws_account_id: "" },
    validate: { aws_account_id: (id) => (/^[0-9]{12}$/.test(id.trim()) ? null : "Twelve digits") },
  });
  const link = useMutation({
    mutationFn: ({ aws_account_id }: typeof form.values) =>
      dataOf(api.POST("/api/connect/link", { body: { aws_account_id: aws_account_id.trim() } })),
    onError: (error) => form.setErrors(error instanceof ApiError ? error.fields : {}),
  });
  return (
    <>
      <Title order={1} size="h2">
        Connect an AWS account
      </Title>
      <Text c="dimmed" mt={6} mb="lg">
        Spot Optimizer gets in by a role that you make and may take away at any time. It needs no access key.
      </Text>
      <form onSubmit={form.onSubmit((values) => link.mutate(values))} noValidate>
        <Stack align="flex-start">
          {link.isError && Object.keys(form.errors).length === 0 && (
            <Alert color="red" variant="light" role="alert">
              {sentence(link.error)}
            </Alert>
          )}
          <TextInput
            label="AWS account number"
            placeholder="111122223333"
            inputMode="numeric"
            w={240}
            key={form.key("aws_account_id")}
            {...form.getInputProps("aws_account_id")}
          />
          {!link.data && (
            <Button type="submit" loading={link.isPending}>
              Go on
            </Button>
          )}
        </Stack>
      </form>
      {link.data && <Role key={link.data.account_id} invitation={link.data} next={next} />}
    </>
  );
}

function Role({ invitation, next }: { invitation: Invitation; next: () => void }) {
  const client = useQueryClient();
  const [role, setRole] = useState(invitation.role_arn);
  const verify = useMutation({
    mutationFn: () =>
      dataOf(api.POST("/api/connect/verify", { body: { account_id: invitation.account_id, role_arn: role.trim() } })),
    onSettled: () => client.invalidateQueries({ queryKey: keys.accounts }),
  });
  return (
    <Stack mt="lg" align="flex-start">
      <ol>
        {invitation.steps.map((step) => (
          <li key={step}>{step}</li>
        ))}
      </ol>
      {invitation.quick_create_url ? (
        <Button
          component="a"
          href={invitation.quick_create_url}
          target="_blank"
          rel="noreferrer"
          variant="light"
          rightSection={<IconExternalLink size={16} />}
        >
          Make the role in the AWS console
        </Button>
      ) : (
        <Text size="sm">
          Make a stack from this template:{" "}
          <Anchor href={invitation.template_url} target="_blank" underline="always">
            spot-optimizer.yaml
          </Anchor>
        </Text>
      )}
      <div>
        <Text size="sm" fw={550} mb={4}>
          External ID
        </Text>
        <Copyable text={invitation.external_id} label="External ID" />
      </div>
      <TextInput
        label="Role"
        description="As the stack made it; change it when yours is called otherwise"
        w="100%"
        value={role}
        onChange={(event) => setRole(event.currentTarget.value)}
      />
      <Button
        loading={verify.isPending}
        onClick={() => verify.mutate()}
        data-feature="client-onboard-button-reuse-dep-click-verify"
      >
        Test the role
      </Button>
      {verify.isError && (
        <Alert color="red" variant="light" role="alert" title="The role could not be tested" w="100%">
          {sentence(verify.error)}
        </Alert>
      )}
      {verify.data && <Permissions answer={verify.data} next={next} />}
    </Stack>
  );
}
