// Sets light or dark before the first paint. A file of its own, since the Content-Security-Policy forbids inline scripts.
(() => {
  let wanted = "auto";
  try {
    wanted = localStorage.getItem("mantine-color-scheme-value") || "auto";
  } catch {
    // Storage is switched off: follow the system.
  }
  const dark = wanted === "dark" || (wanted !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.setAttribute("data-mantine-color-scheme", dark ? "dark" : "light");
})();
