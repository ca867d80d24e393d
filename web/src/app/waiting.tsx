import { Loader } from "@mantine/core";
import classes from "./waiting.module.css";

/** Shown while the first page is on its way. */
export function Waiting() {
  return (
    <div className={classes.waiting} role="status" aria-label="Spot Optimizer is starting">
      <Loader color="teal" type="dots" />
    </div>
  );
}
