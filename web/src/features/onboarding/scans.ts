import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { keys } from "@/shared/api/queries";
import { follow } from "@/shared/api/socket";

/** How far discovery is in an account. */
export interface Scan {
  accountId: string;
  awsAccountId: string;
  region: string;
  done: number;
  total: number;
  clusters: number;
  instances: number;
  ended: boolean;
  /** Why it failed; empty when it did not. */
  failed: string;
}

type Told = Readonly<Record<string, unknown>>;

const text = (value: unknown): string => (typeof value === "string" ? value : "");
const amount = (value: unknown): number => (typeof value === "number" ? value : 0);

/** A scan after one more message of `/api/connect/stream`. */
export function told(before: Scan | undefined, message: Told): Scan {
  const scan: Scan = {
    accountId: text(message.account_id),
    awsAccountId: text(message.aws_account_id) || (before?.awsAccountId ?? ""),
    region: text(message.region),
    done: before?.done ?? 0,
    total: before?.total ?? 0,
    clusters: amount(message.clusters),
    instances: amount(message.instances),
    ended: false,
    failed: "",
  };
  if (message.type === "progress") return { ...scan, done: amount(message.done), total: amount(message.total) };
  const failed = message.status === "failed" ? text(message.reason) || "It could not be looked through." : "";
  return { ...scan, ended: message.type === "ended" || message.status === "active" || failed !== "", failed };
}

/** Follows discovery in all accounts of the organisation; what was found is read anew when one ends. */
export function useScans(): Scan[] {
  const client = useQueryClient();
  const [scans, setScans] = useState<ReadonlyMap<string, Scan>>(new Map());
  useEffect(
    () =>
      follow("/api/connect/stream", {
        state: () => undefined,
        resync: () => void client.invalidateQueries({ queryKey: keys.accounts }),
        message: (message) => {
          const id = text(message.account_id);
          if (id === "") return;
          setScans((before) => new Map(before).set(id, told(before.get(id), message)));
          if (message.type === "ended") void client.invalidateQueries({ queryKey: keys.accounts });
        },
      }),
    [client],
  );
  return [...scans.values()];
}
