import { positiveInt } from "../recipe-limits.ts";

export const virtualTokensSchema = positiveInt
  .max(1024)
  .default(20)
  .describe("Virtual tokens in front of every row.");
