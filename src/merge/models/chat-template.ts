/** The chat template that a merge's configuration asks for. */
import { largest } from "../../util/largest.ts";
import { InputError } from "../../util/errors.ts";
import { chatTemplateOf } from "../../util/chat-template-file.ts";
import { type MergeRequest, modelsOf } from "./request.ts";

const CHATML = `{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}`;

/**
 * "auto": the one that most models have, of equally many that of the first.
 * @returns undefined where none is asked for, or "auto" finds none
 * @throws InputError for a word that is no template
 */
export async function chosenTemplate({ config, where }: MergeRequest): Promise<string | undefined> {
  const { chat_template: asked } = config;
  if (asked === undefined) return undefined;
  if (asked === "chatml") return CHATML;
  if (asked !== "auto") {
    if (asked.includes("{") && asked.length >= 20) return asked;
    throw new InputError(
      `${where(["chat_template"])}: chat_template ${JSON.stringify(asked)} is not supported; there are auto and chatml, or give the template itself`,
    );
  }
  const counts = new Map<string, number>();
  for (const dir of modelsOf(config)) {
    const template = (await chatTemplateOf(dir))?.trim();
    if (template) counts.set(template, (counts.get(template) ?? 0) + 1);
  }
  const most = largest(counts.values(), 0);
  return [...counts].find(([, count]) => count === most)?.[0];
}
