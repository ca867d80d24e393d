import { Button, Select, TextInput } from "@mantine/core";
import { IconPlayerPause, IconPlayerPlay, IconSearch, IconTerminal2 } from "@tabler/icons-react";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, useState } from "react";
import { clock, plural } from "@/shared/format";
import { useSearch } from "@/shared/search";
import { Light } from "@/shared/ui/light";
import { Page, Panel } from "@/shared/ui/page";
import { Empty } from "@/shared/ui/states";
import classes from "./admin.module.css";
import { type LogLine, useLogs } from "./log-lines";

const LEVELS = [
  { value: "", label: "Every level" },
  { value: "info", label: "Info and worse" },
  { value: "warning", label: "Warnings and worse" },
  { value: "error", label: "Errors" },
];
const RANK: Record<string, number> = { debug: 0, info: 1, warning: 2, error: 3, critical: 4 };
const ROW = 24;

/** Log lines of all processes as they come. */
export function Component() {
  const [level, setLevel] = useSearch("level");
  const [words, setWords] = useSearch("q");
  const [paused, setPaused] = useState(false);
  const { lines, state } = useLogs(paused ? "paused" : "following");
  const shown = useMemo(() => {
    const sought = words.trim().toLowerCase();
    return lines.filter(
      (line) => (RANK[line.level] ?? 1) >= (RANK[level] ?? 0) && line.text.toLowerCase().includes(sought),
    );
  }, [lines, level, words]);
  return (
    <Page
      title="Live logs"
      about={
        <Light
          tone={state === "live" ? "good" : state === "lost" ? "warn" : "idle"}
          pulse={state === "live" && !paused ? "yes" : "no"}
        >
          {paused
            ? "Paused"
            : state === "live"
              ? "Following all processes"
              : state === "lost"
                ? "Reconnecting"
                : "Connecting"}
        </Light>
      }
      actions={
        <Button
          variant="default"
          leftSection={paused ? <IconPlayerPlay size={16} /> : <IconPlayerPause size={16} />}
          onClick={() => setPaused(!paused)}
        >
          {paused ? "Go on" : "Pause"}
        </Button>
      }
    >
      <Panel padding="none">
        <search className={classes.filters}>
          <TextInput
            aria-label="Find in the lines"
            placeholder="Find in the lines"
            leftSection={<IconSearch size={16} />}
            value={words}
            onChange={(event) => setWords(event.currentTarget.value)}
          />
          <Select aria-label="Level" data={LEVELS} value={level} onChange={(value) => setLevel(value ?? "")} w={200} />
        </search>
        {shown.length === 0 ? (
          <Empty title="No line yet" icon={<IconTerminal2 size={28} />}>
            {lines.length > 0
              ? `None of ${plural(lines.length, "line")} is like that.`
              : "Lines stand here as they are written."}
          </Empty>
        ) : (
          <Lines lines={shown} follow={!paused} />
        )}
      </Panel>
    </Page>
  );
}

function Lines({ lines, follow }: { lines: readonly LogLine[]; follow: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW,
    overscan: 20,
  });
  const last = lines.length - 1;
  useEffect(() => {
    if (follow && last >= 0) virtual.scrollToIndex(last, { align: "end" });
  }, [follow, last, virtual]);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard must reach it
    <div ref={box} className={classes.lines} role="log" aria-label="Log lines" aria-live="off" tabIndex={0}>
      <div className={classes.canvas} style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map((item) => {
          const line = lines[item.index];
          return (
            line && (
              <div
                key={line.number}
                className={classes.line}
                data-level={line.level}
                style={{ transform: `translateY(${item.start}px)` }}
                title={line.text}
              >
                <time dateTime={line.at}>{line.at && clock(line.at)}</time>
                <span>{line.level}</span>
                <span>{line.text}</span>
              </div>
            )
          );
        })}
      </div>
    </div>
  );
}
