import { createRoot } from "react-dom/client";
import { App } from "@/app/app";
import "@fontsource-variable/inter/wght.css";
import "@/app/theme.css";

const root = document.getElementById("root");
if (root) createRoot(root).render(<App />);
