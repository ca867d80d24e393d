import { Alert, Button, Modal, Stack, Text, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconPlayerPlay, IconShieldPause } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, dataOf } from "@/shared/api/client";
import { sentence } from "@/shared/api/errors";
import { ADMIN, safeModeQuery } from "./queries";

/** The switch that stops all changes everywhere. */
export function SafeMode() {
  const query = useQuery(safeModeQuery);
  const [opened, dialog] = useDisclosure(false);
  if (!query.data) return null;
  const { on } = query.data;
  return (
    <>
      <Button
        variant={on ? "light" : "default"}
        color={on ? "orange" : "gray"}
        leftSection={on ? <IconPlayerPlay size={16} /> : <IconShieldPause size={16} />}
        onClick={dialog.open}
      >
        {on ? "Safe mode is on" : "Safe mode"}
      </Button>
      <Modal
        opened={opened}
        onClose={dialog.close}
        title={on ? "Switch safe mode off?" : "Switch safe mode on?"}
        closeButtonProps={{ "aria-label": "Close" }}
      >
        <Switch on={on} close={dialog.close} />
      </Modal>
    </>
  );
}

function Switch({ on, close }: { on: boolean; close: () => void }) {
  const client = useQueryClient();
  const [reason, setReason] = useState("");
  const change = useMutation({
    mutationFn: () => dataOf(api.POST("/api/admin/safe-mode", { body: { on: !on, reason: reason.trim() } })),
    onSuccess: close,
    onSettled: () => client.invalidateQueries({ queryKey: ADMIN }),
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        change.mutate();
      }}
    >
      <Stack>
        <Text>
          {on
            ? "Plans that are approved or automatic are carried out again, in every cluster of every organisation."
            : "From now on nothing is launched, moved or terminated in any cluster of any organisation. Plans go on being made and are tried without changing anything; those under way stop before their next step."}
        </Text>
        <TextInput
          label="Reason, for the audit log"
          required
          data-autofocus
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
        />
        {change.isError && (
          <Alert color="red" variant="light" role="alert">
            {sentence(change.error)}
          </Alert>
        )}
        <Button type="submit" color={on ? "teal" : "red"} loading={change.isPending} disabled={reason.trim() === ""}>
          {on ? "Allow changes again" : "Stop all changes"}
        </Button>
      </Stack>
    </form>
  );
}
