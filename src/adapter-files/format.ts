/** What a format of adapters must tell of itself and of what is in it. */

export interface AdapterSummary {
  /** "LoRA", "rsLoRA", "DoRA", "(IA)³", "Prompt tuning", "Prefix tuning" */
  readonly method: string;
  /** LoRA's family has a rank and alpha. */
  readonly rank?: number;
  readonly alpha?: number;
  /** Which tokens of the prompt interventions edit: "f7+l7, tied". */
  readonly positions?: string;
  /** Prompt and prefix tuning have these. */
  readonly virtualTokens?: number;
  /** How many labels it tells apart, where it brings a classifier's head along. */
  readonly labels?: number;
  readonly parameters: number;
  /** Size of the weight file. */
  readonly bytes: number;
  /** As the adapter names it: a path or a Hugging Face repository. */
  readonly base?: string;
  /** Last parts of the adapted modules' names: "q_proj". */
  readonly targets: readonly string[];
}

export interface AdapterFormat {
  /** As its owner is called. */
  readonly name: string;
  /** @param place a folder, or a file of it */
  owns(place: string): Promise<boolean>;
  /**
   * From headers and configs alone.
   * @throws InputError of one line for what is broken, or can't be read
   */
  summarise(place: string): Promise<AdapterSummary>;
}
