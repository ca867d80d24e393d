/** State that lives in the address, so that a link shows another person the same. */

import { useCallback } from "react";
import { useSearchParams } from "react-router";

/** One parameter of the address; the default is not written. Changing it replaces the entry in the history. */
export function useSearch(name: string, byDefault = ""): [string, (value: string) => void] {
  const [params, setParams] = useSearchParams();
  const set = useCallback(
    (value: string) =>
      setParams(
        (before) => {
          const next = new URLSearchParams(before);
          if (value === byDefault || value === "") next.delete(name);
          else next.set(name, value);
          return next;
        },
        { replace: true, preventScrollReset: true },
      ),
    [name, byDefault, setParams],
  );
  return [params.get(name) ?? byDefault, set];
}
