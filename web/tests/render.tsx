/** Renders a page of the portal on the fake API, at an address, as the browser would. */

import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClientProvider } from "@tanstack/react-query";
import { render } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { createMemoryRouter, RouterProvider } from "react-router";
import { makeRoutes } from "@/app/router";
import { theme } from "@/app/theme";
import { makeQueryClient } from "@/shared/api/queries";
import { answer } from "./fake/api";
import { makeWorld, type World } from "./fake/world";

export function open(path: string, world: World = makeWorld({ signedIn: true })) {
  document.cookie = world.signedIn ? "spotopt_csrf=token" : "spotopt_csrf=; max-age=0";
  const asked: Request[] = [];
  globalThis.fetch = async (input, init) => {
    const request = new Request(input as Request, init);
    asked.push(request.clone());
    const response = await answer(world, request);
    for (const cookie of response.headers.getSetCookie()) document.cookie = cookie;
    return response;
  };
  const client = makeQueryClient();
  const router = createMemoryRouter(makeRoutes(client), { initialEntries: [path] });
  const view = render(
    <MantineProvider theme={theme} env="test">
      <QueryClientProvider client={client}>
        <Notifications />
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>,
  );
  return { ...view, world, router, client, asked, user: userEvent.setup() };
}
