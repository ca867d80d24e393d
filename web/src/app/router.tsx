/** Which address shows which page. Every page is a chunk of its own, whose module exports `Component`. */

import type { QueryClient } from "@tanstack/react-query";
import { createBrowserRouter, type LoaderFunctionArgs, type RouteObject, redirect } from "react-router";
import { ApiError } from "@/shared/api/errors";
import { meQuery } from "@/shared/api/queries";
import { maybeSignedIn } from "@/shared/api/session";
import type { Me } from "@/shared/api/types";
import { Broken, NotFound } from "./broken";
import { Frame } from "./frame";
import { Waiting } from "./waiting";

type Loader = (args: LoaderFunctionArgs) => Promise<Me>;

function toSignIn(request: Request): Response {
  const { pathname, search } = new URL(request.url);
  return redirect(pathname === "/" ? "/signin" : `/signin?${new URLSearchParams({ next: pathname + search })}`);
}

/** Whoever has no session is sent to sign in, and comes back to where they wanted to be. */
const signedIn =
  (client: QueryClient): Loader =>
  async ({ request }) => {
    if (!maybeSignedIn()) throw toSignIn(request);
    try {
      return await client.ensureQueryData(meQuery);
    } catch (err) {
      if (err instanceof ApiError && [401, 403].includes(err.status)) throw toSignIn(request);
      throw err;
    }
  };

const open: RouteObject[] = [
  { path: "signin", lazy: () => import("@/features/auth/sign-in") },
  { path: "signup", lazy: () => import("@/features/auth/sign-up") },
  { path: "confirm", lazy: () => import("@/features/auth/confirm") },
  { path: "reset", lazy: () => import("@/features/auth/reset") },
];

const inside: RouteObject[] = [
  { path: "dashboard", lazy: () => import("@/features/dashboard/dashboard") },
  {
    path: "clusters",
    lazy: () => import("@/features/clusters/clusters"),
    children: [{ path: ":clusterId", lazy: () => import("@/features/clusters/drawer") }],
  },
  { path: "clusters/:clusterId/plans/:planId", lazy: () => import("@/features/plans/plan") },
  { path: "audit", lazy: () => import("@/features/audit/audit") },
  {
    path: "admin",
    children: [
      { index: true, lazy: () => import("@/features/admin/health") },
      { path: "logs", lazy: () => import("@/features/admin/logs") },
      { path: "risk", lazy: () => import("@/features/admin/risk") },
      { path: "models", lazy: () => import("@/features/admin/models") },
    ],
  },
];

export function makeRoutes(client: QueryClient): RouteObject[] {
  const loader = signedIn(client);
  const gateway = async (args: LoaderFunctionArgs) => redirect(`/${(await loader(args)).next}`);
  return [
    {
      ErrorBoundary: Broken,
      HydrateFallback: Waiting,
      children: [
        { path: "/", loader: gateway, Component: Waiting },
        ...open,
        { path: "onboarding", loader, lazy: () => import("@/features/onboarding/wizard") },
        { Component: Frame, loader, children: [...inside, { path: "*", Component: NotFound }].map(withBoundary) },
      ],
    },
  ];
}

/** A page that breaks leaves the navigation standing. */
const withBoundary = (route: RouteObject): RouteObject => ({ ErrorBoundary: Broken, ...route }) as RouteObject;

export const makeRouter = (client: QueryClient) => createBrowserRouter(makeRoutes(client));
