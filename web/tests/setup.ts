/** What jsdom lacks and pages lean on. */

import "@testing-library/jest-dom/vitest";
import { notifications } from "@mantine/notifications";
import { cleanup, configure } from "@testing-library/react";
import { afterEach } from "vitest";

/** Pixels of every element: enough for some rows of a virtual table. */
const SIZE = { width: 1_200, height: 800 };

/** Milliseconds to wait for what a page shows: lazy chunks are compiled on first use, and machines are busy. */
configure({ asyncUtilTimeout: 8_000 });

afterEach(() => {
  cleanup();
  notifications.clean();
});

class Observer {
  readonly #call: (entries: unknown[]) => void;
  constructor(call: (entries: unknown[]) => void) {
    this.#call = call;
  }
  observe(target: Element) {
    this.#call([
      {
        target,
        isIntersecting: true,
        contentRect: SIZE,
        borderBoxSize: [{ inlineSize: SIZE.width, blockSize: SIZE.height }],
      },
    ]);
  }
  unobserve() {}
  disconnect() {}
}

Object.assign(globalThis, { ResizeObserver: Observer, IntersectionObserver: Observer });
/** A WebSocket that never opens: pages fall back to reading anew. */
Object.assign(globalThis, {
  WebSocket: class {
    close() {}
  },
});
window.matchMedia = (media) =>
  ({ media, matches: false, addEventListener() {}, removeEventListener() {} }) as unknown as MediaQueryList;
window.scrollTo = () => undefined;
Element.prototype.scrollIntoView = () => undefined;
HTMLCanvasElement.prototype.getContext = () => null;
Object.defineProperty(HTMLElement.prototype, "clientWidth", { value: SIZE.width });
