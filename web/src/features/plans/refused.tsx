import { Text } from "@mantine/core";
import { IconThumbUp } from "@tabler/icons-react";
import type { PlanBody } from "@/shared/api/types";
import { Empty } from "@/shared/ui/states";
import classes from "./plan.module.css";

/** What the plan does not touch, and pods it finds no place for, each with why. */
export function Refused({ body }: { body: PlanBody }) {
  if (body.kept.length === 0 && body.unschedulable.length === 0)
    return (
      <Empty title="Nothing was left alone" icon={<IconThumbUp size={28} />}>
        Every node takes part in the plan, and every pod has a place.
      </Empty>
    );
  return (
    <>
      {body.unschedulable.length > 0 && (
        <Reasons
          title="Pods without a place"
          heads={["Pod", "What binds", "What would help"]}
          rows={body.unschedulable.map((pod) => [pod.pod, pod.constraint, pod.detail])}
        />
      )}
      {body.kept.length > 0 && (
        <Reasons
          title="Nodes left as they are"
          heads={["Node", "Why"]}
          rows={body.kept.map((kept) => [kept.node, kept.reason.text])}
        />
      )}
    </>
  );
}

function Reasons({ title, heads, rows }: { title: string; heads: string[]; rows: string[][] }) {
  return (
    <section className={classes.step}>
      <Text fw={600} mb={6}>
        {title}
      </Text>
      <table className={classes.list} aria-label={title}>
        <thead>
          <tr>
            {heads.map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row[0]}>
              {row.map((text, place) => (
                <td key={heads[place]}>{text}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
