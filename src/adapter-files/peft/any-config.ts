/** Every adapter's config; what else it holds is its method's business. */
export interface PeftConfig {
  peft_type: string;
  task_type?: string | null | undefined;
  base_model_name_or_path?: string | null | undefined;
  [key: string]: unknown;
}
