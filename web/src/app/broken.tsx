import { Button } from "@mantine/core";
import { IconCloudOff, IconMapQuestion } from "@tabler/icons-react";
import { Link, useRouteError } from "react-router";
import { sentence } from "@/shared/api/errors";
import { Empty } from "@/shared/ui/states";

/** A page that could not be shown: what happened, and a way on. */
export function Broken() {
  const error = useRouteError();
  return (
    <Empty
      title="This page could not be shown"
      icon={<IconCloudOff size={28} />}
      action={<Button onClick={() => location.reload()}>Load it again</Button>}
    >
      {sentence(error)}
    </Empty>
  );
}

export function NotFound() {
  return (
    <Empty
      title="There is no such page"
      icon={<IconMapQuestion size={28} />}
      action={
        <Button component={Link} to="/">
          To the start
        </Button>
      }
    >
      The address may be mistyped, or what it showed is gone.
    </Empty>
  );
}
