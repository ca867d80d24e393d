import { createTheme, Drawer, Menu, Modal, Notification, Select, Tooltip } from "@mantine/core";

/** The heading of a dialog is a <header> of Mantine's, and must not be taken for that of the page. */
const NO_BANNER = { header: { role: "presentation" } };

/** Behaviour of Mantine's parts. Colours and sizes are in theme.css. */
export const theme = createTheme({
  primaryColor: "teal",
  primaryShade: 7,
  cursorType: "pointer",
  respectReducedMotion: true,
  components: {
    // Scroll lock by react-remove-scroll writes an inline <style>; theme.css does it instead.
    Modal: Modal.extend({
      defaultProps: { lockScroll: false, centered: true, radius: "lg", padding: "lg", attributes: NO_BANNER },
      styles: { title: { fontSize: "1.0625rem", fontWeight: 620 } },
    }),
    Drawer: Drawer.extend({ defaultProps: { lockScroll: false, attributes: NO_BANNER } }),
    Notification: Notification.extend({ defaultProps: { closeButtonProps: { "aria-label": "Close" } } }),
    Menu: Menu.extend({ defaultProps: { shadow: "md", radius: "md" } }),
    Select: Select.extend({ defaultProps: { allowDeselect: false, checkIconPosition: "right" } }),
    Tooltip: Tooltip.extend({ defaultProps: { withArrow: true, openDelay: 250, multiline: true, maw: 320 } }),
  },
});
