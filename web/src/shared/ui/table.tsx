// biome-ignore-all lint/a11y/useSemanticElements: rows are placed by their number, which <table> does not do
// biome-ignore-all lint/a11y/useFocusableInteractive: links and buttons within rows and headings are what is focused
// biome-ignore-all lint/a11y/useKeyWithClickEvents: the link in the first cell is the way of the keyboard

/**
 * A table of any length: only the rows in sight are in the document. Sorting lives with the caller (in the address), and
 * columns leave when there is no room, the least important first.
 */

import { IconArrowDown, IconArrowUp } from "@tabler/icons-react";
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { type CSSProperties, memo, type ReactNode, useLayoutEffect, useMemo, useRef, useState } from "react";
import classes from "./table.module.css";

/** Rows kept ready above and below those in sight. */
const OVERSCAN = 8;

export interface Column<T> {
  key: string;
  title: string;
  cell: (row: T) => ReactNode;
  /** Width as CSS grid takes it; "minmax(0, 1fr)" when left out. */
  width?: string;
  align?: "end";
  /** Pixels of the table's width from which the column is shown; always when left out. */
  from?: number;
  /** Whether rows can be sorted by it. */
  sorts?: "yes";
}

interface TableProps<T> {
  label: string;
  rows: readonly T[];
  columns: readonly Column<T>[];
  keyOf: (row: T) => string;
  rowHeight?: number;
  /** "name" or "-name": by which column, and whether from the end. */
  sort?: string;
  onSort?: (sort: string) => void;
  onOpen?: (row: T) => void;
  /** Which row is open in a drawer. */
  open?: string | undefined;
  feature?: string;
  /** Called when the end comes near and more rows can be read. */
  onEnd?: () => void;
}

export function Table<T>(props: TableProps<T>) {
  const { label, rows, columns, keyOf, rowHeight = 52, onEnd, feature } = props;
  const body = useRef<HTMLDivElement>(null);
  const [{ top, width }, setPlace] = useState({ top: 0, width: 0 });
  useLayoutEffect(() => {
    const element = body.current;
    if (!element) return;
    const measure = () =>
      setPlace({ top: element.getBoundingClientRect().top + window.scrollY, width: element.clientWidth });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    observer.observe(document.body);
    return () => observer.disconnect();
  }, []);
  const virtual = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => rowHeight,
    overscan: OVERSCAN,
    scrollMargin: top,
  });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useLayoutEffect(() => {
    if (last >= rows.length - 1 && rows.length > 0) onEnd?.();
  }, [last, rows.length, onEnd]);

  const shown = useMemo(() => columns.filter((column) => width === 0 || width >= (column.from ?? 0)), [columns, width]);
  const template = shown.map((column) => column.width ?? "minmax(0, 1fr)").join(" ");
  return (
    <div
      role="table"
      aria-label={label}
      aria-rowcount={rows.length + 1}
      className={classes.table}
      data-feature={feature}
    >
      <Head {...props} columns={shown} grid={{ gridTemplateColumns: template }} />
      <div ref={body} role="rowgroup" tabIndex={-1} className={classes.body} style={{ height: virtual.getTotalSize() }}>
        {items.map((item) => {
          const row = rows[item.index];
          if (row === undefined) return null;
          const key = keyOf(row);
          return (
            <MemoRow
              key={key}
              row={row}
              columns={shown as readonly Column<unknown>[]}
              index={item.index}
              template={template}
              height={item.size}
              offset={item.start - top}
              onOpen={props.onOpen as ((row: unknown) => void) | undefined}
              isOpen={props.open === key}
            />
          );
        })}
      </div>
    </div>
  );
}

function Head<T>({ columns, grid, sort = "", onSort }: TableProps<T> & { grid: CSSProperties }) {
  const descending = sort.startsWith("-");
  const by = sort.replace(/^-/, "");
  return (
    <div role="rowgroup" className={classes.head}>
      <div role="row" aria-rowindex={1} className={classes.headRow} style={grid}>
        {columns.map((column) => {
          const on = column.key === by;
          const order = on ? (descending ? "descending" : "ascending") : undefined;
          const arrow = on && (descending ? <IconArrowDown size={13} /> : <IconArrowUp size={13} />);
          return (
            <div
              key={column.key}
              role="columnheader"
              aria-sort={order}
              className={classes.heading}
              data-align={column.align}
            >
              {column.sorts && onSort ? (
                <button type="button" onClick={() => onSort(on && !descending ? `-${column.key}` : column.key)}>
                  {column.title}
                  {arrow}
                </button>
              ) : (
                column.title
              )}
            </div>
          );
        })}
      </div>
    </div>
  );
}

interface RowProps {
  row: unknown;
  columns: readonly Column<unknown>[];
  index: number;
  /** Widths of the columns, as CSS grid takes them. */
  template: string;
  height: number;
  /** Pixels from the top of the body. */
  offset: number;
  onOpen: ((row: unknown) => void) | undefined;
  isOpen: boolean;
}

/** Kept while nothing of it changes: scrolling draws only the rows that come into sight. */
const MemoRow = memo(Row);

function Row({ row, columns, index, template, height, offset, onOpen, isOpen }: RowProps) {
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      className={classes.row}
      style={{ gridTemplateColumns: template, height, transform: `translateY(${offset}px)` }}
      data-opens={onOpen ? "" : undefined}
      data-open={isOpen || undefined}
      onClick={(event) => {
        const target = event.target as HTMLElement;
        if (!target.closest("a, button, input") && window.getSelection()?.isCollapsed !== false) onOpen?.(row);
      }}
    >
      {columns.map((column) => (
        <div key={column.key} role="cell" className={classes.cell} data-align={column.align}>
          {column.cell(row)}
        </div>
      ))}
    </div>
  );
}
