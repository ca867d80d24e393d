/** What stands around every page of somebody who is signed in: navigation, live light, the user's menu. */

import { ActionIcon, Burger, Drawer } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { Link, Outlet, ScrollRestoration, useLoaderData, useLocation, useNavigate, useNavigation } from "react-router";
import { useLive } from "@/shared/api/live";
import { meQuery } from "@/shared/api/queries";
import { onSessionEnd } from "@/shared/api/session";
import type { Me } from "@/shared/api/types";
import { Brand } from "@/shared/ui/brand";
import { Light } from "@/shared/ui/light";
import classes from "./frame.module.css";
import { Navigation } from "./navigation";
import { SchemeIcon, useScheme } from "./scheme";
import { UserMenu } from "./user-menu";

const LIVE_WORDS = {
  live: ["good", "Live"],
  connecting: ["idle", "Connecting"],
  lost: ["warn", "Reconnecting"],
} as const;

export function Frame() {
  const { data: me } = useQuery({ ...meQuery, initialData: useLoaderData<Me>() });
  const live = useLive(me.organization ? "on" : "off");
  const [opened, menu] = useDisclosure(false);
  const { pathname } = useLocation();
  const busy = useNavigation().state !== "idle";
  const scheme = useScheme();
  useReturnToSignIn();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the menu closes when another page opens
  useEffect(() => menu.close(), [pathname]);

  const [tone, word] = LIVE_WORDS[live];
  const navigation = <Navigation me={me} />;
  return (
    <div className={classes.frame}>
      <a href="#main" className={classes.skip}>
        Skip to the content
      </a>
      <aside className={classes.side}>
        <Link to="/" className={classes.home}>
          <Brand />
        </Link>
        {navigation}
      </aside>
      <header className={classes.top}>
        <Burger className={classes.burger} size="sm" opened={opened} onClick={menu.toggle} aria-label="Navigation" />
        <Link to="/" className={classes.topHome}>
          <Brand />
        </Link>
        <span className={classes.organization}>{me.organization?.name ?? "Platform"}</span>
        <span className={classes.spring} />
        {me.organization && (
          <span className={classes.live} role="status">
            <Light tone={tone} pulse={live === "live" ? "yes" : "no"}>
              {word}
            </Light>
          </span>
        )}
        <ActionIcon
          variant="subtle"
          color="gray"
          size="lg"
          onClick={scheme.toggle}
          aria-label={scheme.label}
          title={scheme.label}
        >
          <SchemeIcon />
        </ActionIcon>
        <UserMenu me={me} />
        <span className={classes.progress} data-busy={busy || undefined} />
      </header>
      <Drawer
        opened={opened}
        onClose={menu.close}
        size={260}
        title={<Brand />}
        closeButtonProps={{ "aria-label": "Close" }}
      >
        {navigation}
      </Drawer>
      <main id="main" className={classes.main} tabIndex={-1}>
        <Outlet />
      </main>
      <ScrollRestoration getKey={(location) => location.pathname} />
    </div>
  );
}

/** When the session ends, sign in again and come back to the same page. */
function useReturnToSignIn() {
  const navigate = useNavigate();
  const client = useQueryClient();
  const { pathname, search } = useLocation();
  useEffect(
    () =>
      onSessionEnd(() => {
        const back = new URLSearchParams({ next: pathname + search, ended: "1" });
        client.clear();
        void navigate(`/signin?${back}`, { replace: true });
      }),
    [client, navigate, pathname, search],
  );
}
