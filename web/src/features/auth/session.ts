import { useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearchParams } from "react-router";
import { ApiError } from "@/shared/api/errors";
import { meQuery } from "@/shared/api/queries";

/** An address within the portal; anything else would lead people away. */
export function innerAddress(wanted: string | null): string {
  if (!wanted?.startsWith("/") || /^\/[/\\]/.test(wanted)) return "/";
  const address = new URL(wanted, location.origin);
  return address.origin === location.origin ? address.pathname + address.search : "/";
}

/** Goes on after a session began: to where one wanted to be, else where the service says. */
export function useEnter(): () => Promise<void> {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [params] = useSearchParams();
  return async () => {
    client.clear();
    const me = await client.fetchQuery(meQuery);
    const wanted = innerAddress(params.get("next"));
    await navigate(wanted === "/" ? `/${me.next}` : wanted, { replace: true });
  };
}

/** What a failed call says about the fields of a form. */
export function fieldErrors(error: unknown): Record<string, string> {
  return error instanceof ApiError ? { ...error.fields } : {};
}
