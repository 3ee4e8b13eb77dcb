/** The cases, by name. */
import type { Context } from "./context.ts";
import { tokensCase } from "./tokens-case.ts";

export interface CaseResult {
  title: string;
  /** Markdown. */
  table: string;
  data: unknown;
}

type Case = (context: Context) => Promise<CaseResult>;

export const CASES: Readonly<Record<string, Case>> = {
  "tokens-4x256": (context) => tokensCase(context, { name: "tokens-4x256", rows: 4, length: 256 }),
  "tokens-1x512": (context) => tokensCase(context, { name: "tokens-1x512", rows: 1, length: 512 }),
};
