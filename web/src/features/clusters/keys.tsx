import { Button, Modal, Stack, Text, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { IconKey } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, dataOf } from "@/shared/api/client";
import { sentence } from "@/shared/api/errors";
import type { ApiKey, Cluster } from "@/shared/api/types";
import { Install } from "@/shared/ui/install";
import { Light } from "@/shared/ui/light";
import { Empty, Failure, Loading } from "@/shared/ui/states";
import { When } from "@/shared/ui/when";
import classes from "./rows.module.css";

const keyOf = (clusterId: string) => ["cluster", clusterId, "keys"];

/** The keys of a cluster's agent: made with the install command, revoked here. */
export function Keys({ cluster }: { cluster: Cluster }) {
  const query = useQuery({
    queryKey: keyOf(cluster.id),
    queryFn: ({ signal }) =>
      dataOf(api.GET("/api/clusters/{cluster_id}/keys", { params: { path: { cluster_id: cluster.id } }, signal })),
  });
  return (
    <Stack gap="lg">
      <Install clusterId={cluster.id} />
      {query.isPending && <Loading label="The keys" rows={2} />}
      {query.isError && !query.data && (
        <Failure what="The keys" error={query.error} retry={() => void query.refetch()} />
      )}
      {query.data?.length === 0 && (
        <Empty title="No key yet" icon={<IconKey size={28} />}>
          The install command carries a fresh key for the agent.
        </Empty>
      )}
      {query.data && query.data.length > 0 && (
        <ul className={classes.rows}>
          {query.data.map((key) => (
            <Row key={key.id} clusterId={cluster.id} apiKey={key} />
          ))}
        </ul>
      )}
    </Stack>
  );
}

function Row({ clusterId, apiKey }: { clusterId: string; apiKey: ApiKey }) {
  const [asking, ask] = useDisclosure(false);
  return (
    <li className={classes.row}>
      <span>
        <code>{apiKey.prefix}…</code> {apiKey.label}
        <span className={classes.under}>
          made <When at={apiKey.created_at} />, used <When at={apiKey.last_used_at} />
        </span>
      </span>
      <Light tone={apiKey.revoked_at ? "idle" : "good"}>{apiKey.revoked_at ? "Revoked" : "Valid"}</Light>
      <span className={classes.figure}>
        {!apiKey.revoked_at && (
          <Button size="xs" variant="default" onClick={ask.open}>
            Revoke
          </Button>
        )}
      </span>
      <Revoke clusterId={clusterId} apiKey={apiKey} opened={asking} close={ask.close} />
    </li>
  );
}

interface RevokeProps {
  clusterId: string;
  apiKey: ApiKey;
  opened: boolean;
  close: () => void;
}

function Revoke({ clusterId, apiKey, opened, close }: RevokeProps) {
  const client = useQueryClient();
  const [reason, setReason] = useState("");
  const revoke = useMutation({
    mutationFn: () =>
      dataOf(
        api.POST("/api/clusters/{cluster_id}/keys/{key_id}/revoke", {
          params: { path: { cluster_id: clusterId, key_id: apiKey.id } },
          body: { reason: reason.trim() || "revoked by hand" },
        }),
      ),
    onSuccess: close,
    onError: (error) =>
      notifications.show({ color: "red", title: "The key was not revoked", message: sentence(error) }),
    onSettled: () => client.invalidateQueries({ queryKey: keyOf(clusterId) }),
  });
  return (
    <Modal
      opened={opened}
      onClose={close}
      title={`Revoke the key ${apiKey.prefix}…`}
      closeButtonProps={{ "aria-label": "Close" }}
    >
      <Stack>
        <Text>
          An agent that uses it is cut off within ten seconds: it reports nothing and does nothing until it is installed
          with another key. This cannot be undone.
        </Text>
        <TextInput
          label="Reason, for the audit log"
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
          data-autofocus
        />
        <Button color="red" loading={revoke.isPending} onClick={() => revoke.mutate()}>
          Revoke the key
        </Button>
      </Stack>
    </Modal>
  );
}
