import { Text } from "@mantine/core";
import type { PlanBody, PlanDetail } from "@/shared/api/types";
import { When } from "@/shared/ui/when";
import { Actions } from "./actions";

/** How far carrying out has come. */
export function Progress({ detail: { plan }, body }: { detail: PlanDetail; body: PlanBody }) {
  return (
    <>
      <Text mb="md">
        Begun <When at={plan.accepted_at} />.
      </Text>
      <Actions body={body} />
    </>
  );
}
