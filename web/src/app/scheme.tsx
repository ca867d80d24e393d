import { useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { IconMoon, IconSun } from "@tabler/icons-react";

/** Light or dark, as the system has it until somebody chooses. */
export function useScheme() {
  const { setColorScheme } = useMantineColorScheme();
  const dark = useComputedColorScheme("light") === "dark";
  return {
    toggle: () => setColorScheme(dark ? "light" : "dark"),
    label: dark ? "Change to light colours" : "Change to dark colours",
  };
}

export function SchemeIcon() {
  return useComputedColorScheme("light") === "dark" ? <IconSun size={18} /> : <IconMoon size={18} />;
}
