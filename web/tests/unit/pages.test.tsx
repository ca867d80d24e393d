import { screen, within } from "@testing-library/react";
import { makeWorld, uuid } from "@tests/fake/world";
import { open } from "@tests/render";
import axe from "axe-core";
import { describe, expect, test } from "vitest";

const PLAN = `/clusters/${uuid(1, 0)}/plans/${uuid(2, 0)}`;

/** What axe finds, without what needs a real browser's layout. */
async function problems(container: Element): Promise<string[]> {
  const { violations } = await axe.run(container, {
    rules: { "color-contrast": { enabled: false }, region: { enabled: false } },
  });
  return violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
}

describe("signing in", () => {
  test("a visitor is sent to sign in and comes back to where they wanted to be", async () => {
    const { user, router } = open("/clusters?q=web", makeWorld());
    await user.type(await screen.findByLabelText(/e-mail/i), "ada@example.com");
    await user.type(screen.getByLabelText("Password"), "four unrelated words");
    await user.click(screen.getByRole("button", { name: "Sign in" }));
    expect(await screen.findByRole("heading", { name: "Clusters" })).toBeVisible();
    expect(router.state.location.search).toBe("?q=web");
  });

  test("a wrong password is told, and nobody is signed in", async () => {
    const { user, router } = open("/signin", makeWorld());
    await user.type(await screen.findByLabelText(/e-mail/i), "ada@example.com");
    await user.type(screen.getByLabelText("Password"), "wrong");
    await user.click(screen.getByRole("button", { name: "Sign in" }));
    expect(await screen.findByRole("alert")).toHaveTextContent("The e-mail address or the password is wrong.");
    expect(router.state.location.pathname).toBe("/signin");
  });

  test("a weak password stands at its field", async () => {
    const { user } = open("/signup", makeWorld());
    await user.type(await screen.findByLabelText(/organisation/i), "Example Ltd");
    await user.type(screen.getByLabelText(/e-mail/i), "ada@example.com");
    await user.type(screen.getByLabelText("Password"), "password123");
    await user.click(screen.getByRole("button", { name: "Make the account" }));
    expect(await screen.findByText("is a common word")).toBeVisible();
  });

  test("an address outside the portal is not gone to after signing in", async () => {
    const { user, router } = open("/signin?next=//evil.example", makeWorld());
    await user.type(await screen.findByLabelText(/e-mail/i), "ada@example.com");
    await user.type(screen.getByLabelText("Password"), "four unrelated words");
    await user.click(screen.getByRole("button", { name: "Sign in" }));
    await screen.findByRole("heading", { name: "Dashboard" });
    expect(router.state.location.pathname).toBe("/dashboard");
  });

  test("a session that ends brings one back to sign in, with the way back", async () => {
    const { user, world, router } = open("/clusters?sort=-cost");
    await screen.findByText("web-shop");
    world.signedIn = false;
    await user.click(screen.getByRole("button", { name: /Nodes/ }));
    expect(await screen.findByText(/Your session has ended/)).toBeVisible();
    expect(new URLSearchParams(router.state.location.search).get("next")).toMatch(/^\/clusters/);
  });
});

describe("clusters", () => {
  test("the table shows each cluster with its agent, cost and saving", async () => {
    open("/clusters");
    const row = (await screen.findByRole("link", { name: "web-shop" })).closest("[role=row]") as HTMLElement;
    expect(within(row).getByText("Connected")).toBeVisible();
    expect(within(row).getByText("$438")).toBeVisible();
  });

  test("filters come from the address", async () => {
    open("/clusters?status=silent");
    expect(await screen.findByRole("link", { name: "legacy-mess" })).toBeVisible();
    expect(screen.queryByRole("link", { name: "web-shop" })).toBeNull();
  });

  test("of two thousand clusters only those in sight are in the document", async () => {
    open("/clusters", makeWorld({ clusters: 2_000, signedIn: true }));
    await screen.findByText("2,000 clusters");
    expect(screen.getAllByRole("row").length).toBeLessThan(80);
  });

  test("an error is told with a way to try again", async () => {
    const world = makeWorld({ signedIn: true });
    world.broken.add("/api/clusters");
    const { user } = open("/clusters", world);
    expect(await screen.findByRole("alert")).toHaveTextContent("Something is wrong on our side.");
    world.broken.clear();
    await user.click(screen.getByRole("button", { name: "Try again" }));
    expect(await screen.findByRole("link", { name: "web-shop" })).toBeVisible();
  });

  test("without clusters the page says how to begin", async () => {
    open("/clusters", makeWorld({ clusters: 0, signedIn: true }));
    expect(await screen.findByText("No cluster yet")).toBeVisible();
  });
});

describe("adding a cluster", () => {
  test("one that discovery has found is connected under its account, and its install command is shown", async () => {
    const { user, asked } = open("/clusters?add=1");
    await user.click(await screen.findByRole("combobox", { name: "Found in your AWS accounts" }));
    await user.click(await screen.findByText(/^batch · eu-central-1/));
    await user.click(screen.getByRole("button", { name: "Connect" }));
    await user.click(await screen.findByRole("button", { name: "Show the install command" }));
    expect(await screen.findByText(/helm upgrade --install/)).toBeVisible();
    const sent = asked.find((request) => request.url.endsWith("/connect"));
    expect(await sent?.json()).toEqual({ name: "batch", region: "eu-central-1", account_id: uuid(10, 1) });
  });
});

describe("a plan", () => {
  test("is approved after its difference was shown, and its progress is followed", async () => {
    const { user, world } = open(PLAN);
    await user.click(await screen.findByRole("button", { name: "Approve" }));
    const dialog = await screen.findByRole("dialog");
    expect(within(dialog).getByText("Cost a month")).toBeVisible();
    await user.click(within(dialog).getByRole("button", { name: "Carry it out" }));
    expect(await screen.findByRole("tab", { name: "Progress" })).toBeVisible();
    expect(world.plans[0]?.summary.status).toBe("accepted");
  });

  test("is discarded after it was said what that means", async () => {
    const { user } = open(PLAN);
    await user.click(await screen.findByRole("button", { name: "Discard" }));
    await user.click(await screen.findByRole("button", { name: "Discard the plan" }));
    expect(await screen.findByText("Discarded")).toBeVisible();
    expect(screen.queryByRole("button", { name: "Approve" })).toBeNull();
  });

  test("tells what was refused, by which rule and until when", async () => {
    open(`${PLAN}?tab=left`);
    const table = await screen.findByRole("table", { name: "Refused" });
    expect(within(table).getByText("Changed a moment ago")).toBeVisible();
  });
});

describe("every page", () => {
  const pages = [
    "/audit",
    "/admin",
    "/admin/logs",
    "/admin/risk",
    "/admin/models",
    "/signin",
    "/signup",
    "/reset",
    "/onboarding",
    "/onboarding?step=aws",
    "/onboarding?step=discovery",
    "/dashboard",
    "/clusters",
    `/clusters/${uuid(1, 0)}`,
    PLAN,
    `${PLAN}?tab=actions`,
    `${PLAN}?tab=proof`,
  ];
  test.each(pages)("%s has nothing that axe objects to", async (path) => {
    const { container } = open(path, makeWorld({ signedIn: !path.startsWith("/sign") && path !== "/reset" }));
    await screen.findByRole("heading", { level: 1 });
    expect(await problems(container.ownerDocument.body)).toEqual([]);
  });
});
