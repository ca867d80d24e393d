import { Text, Title } from "@mantine/core";
import { type ReactNode, useEffect } from "react";
import { Brand } from "@/shared/ui/brand";
import classes from "./frame.module.css";
import { Picture } from "./picture";

/** What pages for people without a session look like: a form, and a picture of what this is about. */
export function AuthFrame({ title, about, children }: { title: string; about: ReactNode; children: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Spot Optimizer`;
  }, [title]);
  return (
    <div className={classes.frame}>
      <main className={classes.main}>
        <Brand />
        <div className={classes.form}>
          <Title order={1} size="h2">
            {title}
          </Title>
          <Text c="dimmed" mt={4} mb="lg" component="div">
            {about}
          </Text>
          {children}
        </div>
      </main>
      <aside className={classes.aside} aria-hidden>
        <Picture />
        <p className={classes.claim}>
          The same pods on fewer, cheaper nodes. Every step with its reason and its proof.
        </p>
      </aside>
    </div>
  );
}
