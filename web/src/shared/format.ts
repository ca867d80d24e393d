/** Money, numbers and times in the reader's own format. All times arrive as UTC and are shown in local time. */

/** Hours of a month, everywhere in Spot Optimizer. */
export const HOURS_PER_MONTH = 730;
const MICRO = 1_000_000;
/** US dollars below which cents matter. */
const CENTS_BELOW_USD = 100;

const locale = readersLocale();
const moneyFormat = (digits: number) =>
  new Intl.NumberFormat(locale, {
    style: "currency",
    currency: "USD",
    currencyDisplay: "narrowSymbol",
    signDisplay: "negative",
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
const money = { whole: moneyFormat(0), cents: moneyFormat(2), fine: moneyFormat(4) };
const compactMoney = new Intl.NumberFormat(locale, {
  style: "currency",
  currency: "USD",
  currencyDisplay: "narrowSymbol",
  notation: "compact",
  maximumFractionDigits: 1,
});
const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
const decimal = new Intl.NumberFormat(locale, { maximumFractionDigits: 2 });
const shares = {
  whole: new Intl.NumberFormat(locale, { style: "percent", signDisplay: "negative" }),
  fine: new Intl.NumberFormat(locale, { style: "percent", signDisplay: "negative", maximumFractionDigits: 1 }),
};
const preciseFormat = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" });
const clockFormat = new Intl.DateTimeFormat(locale, { timeStyle: "medium" });
const monthFormat = new Intl.DateTimeFormat(locale, { month: "short", year: "2-digit" });
/** Words of sentences, so in the language of the page. */
const relative = new Intl.RelativeTimeFormat("en-GB", { numeric: "auto", style: "short" });

/** US dollars: with cents while they matter. */
export const usd = (value: number): string =>
  Math.abs(value) >= CENTS_BELOW_USD ? money.whole.format(value) : money.cents.format(value);
export const usdCompact = (value: number): string => compactMoney.format(value);
/** A price of one hour, where a hundredth of a cent tells two offers apart. */
export const usdFine = (value: number): string => (Math.abs(value) < 1 ? money.fine : money.cents).format(value);
export const fromMicro = (micro: number): number => micro / MICRO;
export const monthly = (usdPerHour: number): number => usdPerHour * HOURS_PER_MONTH;
export const count = (value: number): string => whole.format(value);
export const number = (value: number): string => decimal.format(value);
/** A share of 0..1; one decimal while it is small. */
export const percent = (share: number): string => (Math.abs(share) < 0.1 ? shares.fine : shares.whole).format(share);
/** "1 node", "2 nodes". */
export const plural = (amount: number, noun: string): string => `${count(amount)} ${noun}${amount === 1 ? "" : "s"}`;

/** With a capital letter. */
export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
/** With a capital letter and a full stop: the service tells what happened without either. */
export const asSentence = (text: string): string => `${capital(text)}${/[.!?]$/.test(text) ? "" : "."}`;

export const precise = (iso: string): string => preciseFormat.format(new Date(iso));
export const clock = (iso: string): string => clockFormat.format(new Date(iso));
export const month = (iso: string): string => monthFormat.format(new Date(iso));

const UNITS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];

/** "3 min. ago", "in 2 hr.", seen from `now` (milliseconds). */
export function ago(iso: string, now: number = Date.now()): string {
  const seconds = (new Date(iso).getTime() - now) / 1_000;
  if (Math.abs(seconds) < 5) return "just now";
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1];
  return relative.format(Math.round(seconds / size), unit);
}

/** "1 min 12 s". */
export function duration(seconds: number): string {
  if (seconds < 1) return `${Math.max(0, Math.round(seconds * 1_000))} ms`;
  if (seconds < 60) return `${decimal.format(Math.round(seconds * 10) / 10)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** CPUs from thousandths. */
export const cpus = (mcpu: number): string => decimal.format(mcpu / 1_000);
/** Memory in GiB. */
export const gib = (bytes: number): string => `${decimal.format(bytes / 2 ** 30)} GiB`;

/** The reader's locale; the machine's own where a browser names one that Intl does not know, such as `en-US@posix`. */
function readersLocale(): string | undefined {
  try {
    return Intl.getCanonicalLocales(globalThis.navigator?.language)[0];
  } catch {
    return undefined;
  }
}
