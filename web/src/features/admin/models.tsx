import { Alert, Badge, Text } from "@mantine/core";
import { IconBrain } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import type { Model } from "@/shared/api/types";
import { number } from "@/shared/format";
import { Facts } from "@/shared/ui/facts";
import { Page, Panel } from "@/shared/ui/page";
import { Empty, Failure, Loading } from "@/shared/ui/states";
import { When } from "@/shared/ui/when";
import classes from "./admin.module.css";
import { modelsQuery } from "./queries";

const COLOURS: Record<Model["status"], string> = { production: "green", testing: "blue", retired: "gray" };

/** The models of interruption risk: which one serves, and how good each is. */
export function Component() {
  const query = useQuery(modelsQuery);
  const models = query.data?.items ?? [];
  return (
    <Page title="Models" about="What tells how likely AWS is to take a node">
      {query.isPending && (
        <Panel>
          <Loading label="The models" rows={3} height={90} />
        </Panel>
      )}
      {query.isError && !query.data && (
        <Failure what="The models" error={query.error} retry={() => void query.refetch()} />
      )}
      {query.isSuccess && models.length === 0 && (
        <Panel>
          <Empty title="No model in the registry" icon={<IconBrain size={28} />}>
            The model that ships with the platform serves until another is promoted.
          </Empty>
        </Panel>
      )}
      {models.map((model) => (
        <Card key={model.id} model={model} />
      ))}
      {query.data && query.data.limits.length > 0 && (
        <Panel title="What to know about their figures">
          <ul>
            {query.data.limits.map((limit) => (
              <li key={limit}>{limit}</li>
            ))}
          </ul>
        </Panel>
      )}
    </Page>
  );
}

function Card({ model }: { model: Model }) {
  const figures = Object.entries(model.metrics).filter(
    (entry): entry is [string, number] => typeof entry[1] === "number",
  );
  return (
    <Panel
      title={`${model.name} ${model.version}`}
      about={
        <>
          {model.uploaded_by || "carried by the platform"}, <When at={model.created_at} />
        </>
      }
      actions={
        <Badge variant="light" color={COLOURS[model.status]} tt="none">
          {model.status}
        </Badge>
      }
    >
      {model.problem !== "" && (
        <Alert color="orange" variant="light" mb="md">
          {model.problem}
        </Alert>
      )}
      {figures.length > 0 ? (
        <Facts facts={figures.map(([name, value]) => [name.replaceAll("_", " "), number(value)])} />
      ) : (
        <Text c="dimmed">No figures yet.</Text>
      )}
      <Text size="xs" c="dimmed" mt="md" className={classes.sum}>
        SHA-256 {model.sha256}
      </Text>
    </Panel>
  );
}
