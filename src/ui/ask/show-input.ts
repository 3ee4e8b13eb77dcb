import * as vscode from "vscode";
import { plainText } from "../../util/plain-text.ts";
import { setFrame } from "./frame.ts";
import { type Answer, AWAY, BACK, type Frame, type InputQuestion, type Left } from "./question.ts";

/** What is typed when the person goes back is kept by `keep`. */
export async function showInput(
  question: InputQuestion,
  frame: Frame,
  keep: (draft: readonly string[]) => void,
): Promise<Answer<string> | Left> {
  const box = vscode.window.createInputBox();
  try {
    setFrame(box, frame);
    box.prompt = plainText(question.prompt);
    box.ignoreFocusOut = true;
    const [draft] = frame.draft ?? [];
    box.value = draft ?? question.value ?? "";
    if (draft === undefined && question.valueSelection)
      box.valueSelection = question.valueSelection;
    const answer = new Promise<Answer<string> | Left>((resolve) => {
      box.onDidTriggerButton(() => {
        keep([box.value]);
        resolve(BACK);
      });
      box.onDidHide(() => resolve(AWAY));
      box.onDidChangeValue(() => void check(box, question));
      box.onDidAccept(() => void acceptIfFine(box, question, resolve));
    });
    // An empty box has its question still to be answered: what is wrong with that need not be said.
    if (box.value !== "") void check(box, question);
    box.show();
    return await answer;
  } finally {
    box.dispose();
  }
}

async function acceptIfFine(
  box: vscode.InputBox,
  question: InputQuestion,
  resolve: (answer: Answer<string>) => void,
): Promise<void> {
  const { value } = box;
  if ((await check(box, question)) && box.value === value) resolve({ value, draft: [value] });
}

/** Shows what is wrong, in the prompt's place, or what is noted, behind it. @returns whether nothing is wrong */
async function check(box: vscode.InputBox, { prompt, validate }: InputQuestion): Promise<boolean> {
  const { value } = box;
  const found = await validate?.(value);
  if (box.value !== value) return false;
  const isWrong = typeof found === "string";
  box.validationMessage = isWrong ? plainText(found) : undefined;
  box.prompt = plainText(isWrong || found === undefined ? prompt : `${prompt}: ${found.note}`);
  return !isWrong;
}
