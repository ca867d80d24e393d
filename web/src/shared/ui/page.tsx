/** The frame of a page: title, what it is about, what can be done; and cards to put things in. */

import { Text, Title } from "@mantine/core";
import { type ReactNode, useEffect } from "react";
import classes from "./page.module.css";

interface PageProps {
  title: string;
  /** A sentence under the title. */
  about?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}

export function Page({ title, about, actions, children }: PageProps) {
  useEffect(() => {
    document.title = `${title} · Spot Optimizer`;
  }, [title]);
  return (
    <div className={classes.page}>
      <header className={classes.header}>
        <div>
          <Title order={1} size="h2">
            {title}
          </Title>
          {about && (
            <Text c="dimmed" component="div" mt={2}>
              {about}
            </Text>
          )}
        </div>
        {actions && <div className={classes.actions}>{actions}</div>}
      </header>
      {children}
    </div>
  );
}

interface PanelProps {
  title?: string;
  about?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  feature?: string;
  padding?: "none" | "normal";
  className?: string | undefined;
}

/** A card with an optional heading. */
export function Panel({ title, about, actions, children, feature, padding = "normal", className }: PanelProps) {
  return (
    <section className={`${classes.panel} ${className ?? ""}`} data-feature={feature} data-padding={padding}>
      {title && (
        <header className={classes.panelHeader}>
          <div>
            <Title order={2} size="h5">
              {title}
            </Title>
            {about && (
              <Text size="sm" c="dimmed" component="div">
                {about}
              </Text>
            )}
          </div>
          {actions}
        </header>
      )}
      <div className={classes.panelBody}>{children}</div>
    </section>
  );
}
