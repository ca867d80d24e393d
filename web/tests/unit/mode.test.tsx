import { screen, waitFor, within } from "@testing-library/react";
import { makeWorld, uuid } from "@tests/fake/world";
import { open } from "@tests/render";
import { describe, expect, test } from "vitest";

const CLUSTER = `/clusters/${uuid(1, 0)}`;
const POLICY = `/api/policies/${uuid(1, 0)}`;

const modes = () => screen.findByRole("radiogroup", { name: "What becomes of plans" });
const mode = (name: string) => screen.getByRole("radio", { name });

describe("the mode of a cluster", () => {
  test("is shown with what it means, and changed at once where less is done", async () => {
    const { user, world } = open(CLUSTER);
    await modes();
    expect(mode("Approve")).toBeChecked();
    expect(screen.getByText(/carried out once somebody approves it/)).toBeVisible();
    await user.click(mode("Recommend"));
    expect(await screen.findByText(/Nothing is carried out/)).toBeVisible();
    expect(world.clusters[0]?.mode).toBe("recommend");
  });

  test("becomes automatic only after it was said what will happen", async () => {
    const { user, world } = open(CLUSTER);
    await modes();
    await user.click(mode("Automatic"));
    const dialog = await screen.findByRole("dialog", { name: /carried out by themselves/ });
    expect(within(dialog).getByText(/without anybody's approval/)).toBeVisible();
    expect(world.clusters[0]?.mode).toBe("approve");
    await user.click(within(dialog).getByRole("button", { name: "Carry plans out" }));
    await waitFor(() => expect(mode("Automatic")).toBeChecked());
    expect(world.clusters[0]?.mode).toBe("automatic");
  });

  test("stays as it is when one would rather not", async () => {
    const { user, world } = open(CLUSTER);
    await modes();
    await user.click(mode("Automatic"));
    await user.click(await screen.findByRole("button", { name: "Leave it" }));
    await waitFor(() => expect(screen.queryByRole("button", { name: "Leave it" })).toBeNull());
    expect(mode("Approve")).toBeChecked();
    expect(world.clusters[0]?.mode).toBe("approve");
  });

  test("is not changed by whose role may not, and they are told", async () => {
    const { user, world } = open(CLUSTER);
    await modes();
    world.viewer = true;
    await user.click(mode("Recommend"));
    expect(await screen.findByRole("alert")).toHaveTextContent("Your role may look, and change nothing.");
    expect(mode("Approve")).toBeChecked();
  });

  test("is only shown to a viewer", async () => {
    const world = makeWorld({ signedIn: true });
    world.viewer = true;
    open(CLUSTER, world);
    await modes();
    expect(await screen.findByText(/Your role may look/)).toBeVisible();
    expect(mode("Recommend")).toBeDisabled();
  });

  test("that somebody else has changed meanwhile is read anew before it is changed", async () => {
    const { user, world } = open(CLUSTER);
    await modes();
    world.policyVersion = 7;
    await user.click(mode("Recommend"));
    expect(await screen.findByRole("alert")).toHaveTextContent("choose again");
    await user.click(mode("Recommend"));
    await waitFor(() => expect(world.clusters[0]?.mode).toBe("recommend"));
  });

  test("that cannot be read is told with a way to try again", async () => {
    const world = makeWorld({ signedIn: true });
    world.broken.add(POLICY);
    const { user } = open(CLUSTER, world);
    expect(await screen.findByRole("alert")).toHaveTextContent("Something is wrong on our side.");
    world.broken.clear();
    await user.click(screen.getByRole("button", { name: "Try again" }));
    expect(await modes()).toBeVisible();
  });
});

describe("the wizard", () => {
  test.each([
    ["production", "approve"],
    ["lab", "recommend"],
  ])("on the way %s connects clusters in the mode %s", async (way, wanted) => {
    const { user, asked } = open(`/onboarding?step=install&mode=${way}`);
    await user.type(await screen.findByLabelText("Name of the cluster"), "mine");
    await user.click(screen.getByRole("button", { name: "Connect" }));
    const sent = await waitFor(() => {
      const found = asked.find((request) => request.url.endsWith("/connect"));
      expect(found).toBeDefined();
      return found;
    });
    expect(await sent?.json()).toEqual({ name: "mine", region: "us-east-1", mode: wanted });
  });
});
