import { ago, precise } from "@/shared/format";
import { useNow } from "./now";

/** A moment, told relative to now; the exact time is its title. */
export function When({ at, never = "never" }: { at: string | null | undefined; never?: string }) {
  const now = useNow();
  if (!at) return <span>{never}</span>;
  return (
    <time dateTime={at} title={precise(at)}>
      {ago(at, now)}
    </time>
  );
}
