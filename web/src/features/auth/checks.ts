/** Whether something may be an e-mail address; whether it is one the service knows (`admin@localhost` is). */
export const mayBeEmail = (value: string): string | null =>
  /^[^\s@]+@[^\s@]+$/.test(value.trim()) ? null : "Enter your e-mail address";
