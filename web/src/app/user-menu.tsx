import { Avatar, Menu, Text, UnstyledButton, VisuallyHidden } from "@mantine/core";
import { IconLogout } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "react-router";
import { api, dataOf } from "@/shared/api/client";
import type { Me } from "@/shared/api/types";

/** Who is signed in, and how to leave. */
export function UserMenu({ me }: { me: Me }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const leave = useMutation({
    mutationFn: () => dataOf(api.POST("/api/auth/logout")),
    onSettled: async () => {
      await navigate("/signin", { replace: true });
      client.clear();
    },
  });
  return (
    <Menu position="bottom-end" width={240}>
      <Menu.Target>
        <UnstyledButton>
          <Avatar size={32} radius="xl" color="teal" variant="light" name={me.user.name || me.user.email} />
          <VisuallyHidden>Account of {me.user.email}</VisuallyHidden>
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          <Text size="sm" fw={550} c="var(--mantine-color-text)" truncate>
            {me.user.name || me.user.email}
          </Text>
          <Text size="xs" truncate>
            {me.user.email}
          </Text>
          <Text size="xs">
            {me.user.role === "super_admin" ? "Runs the platform" : `Role: ${me.user.organization_role}`}
          </Text>
        </Menu.Label>
        <Menu.Divider />
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => leave.mutate()}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
