/** What package.json says, too; a test compares them. A bundle needs no more of it. */
export const RETUNE_VERSION = "0.1.0";
