import classes from "./light.module.css";

export type Tone = "good" | "warn" | "bad" | "idle";

/** A light with its meaning beside it: colour alone says nothing. */
export function Light({ tone, children, pulse }: { tone: Tone; children: string; pulse?: "yes" | "no" }) {
  return (
    <span className={classes.light} data-tone={tone}>
      <span className={classes.dot} data-pulse={pulse === "yes" || undefined} aria-hidden />
      {children}
    </span>
  );
}
