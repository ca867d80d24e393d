import classes from "./brand.module.css";

/** Sign and name. */
export function Brand() {
  return (
    <span className={classes.brand}>
      <svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true">
        <rect width="32" height="32" rx="8" fill="#0f766b" />
        <rect x="7" y="7" width="8" height="8" rx="1.5" fill="#fff" />
        <rect x="17" y="7" width="8" height="4.5" rx="1.5" fill="#99f6e4" />
        <rect x="17" y="13.5" width="8" height="11.5" rx="1.5" fill="#fff" />
        <rect x="7" y="17" width="8" height="8" rx="1.5" fill="#99f6e4" />
      </svg>
      Spot Optimizer
    </span>
  );
}
