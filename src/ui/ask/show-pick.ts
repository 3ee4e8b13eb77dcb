import * as vscode from "vscode";
import { plainText } from "../../util/plain-text.ts";
import { choiceIds } from "./choice-ids.ts";
import { cutMiddle } from "./cut-middle.ts";
import { setFrame } from "./frame.ts";
import {
  type Answer,
  AWAY,
  BACK,
  type Choice,
  type Choices,
  type Frame,
  type Left,
  type PickQuestion,
} from "./question.ts";

/** What a list of VS Code's usual width shows of a label, and a little of what stands beside it. */
const MAX_LABEL_CHARS = 64;

interface Item<T> extends vscode.QuickPickItem {
  chosen?: Chosen<T>;
}

interface Chosen<T> {
  id: string;
  choice: Choice<T>;
}

/** Shows the list until something of it is chosen. @param many whether several may be */
export async function showPick<T>(
  question: PickQuestion<T>,
  frame: Frame,
  many: boolean,
): Promise<Answer<T[]> | Left> {
  for (;;) {
    const chosen = await showOnce(question, frame, many);
    if (chosen === BACK || chosen === AWAY) return chosen;
    const values = await valuesOf(chosen.map(({ choice }) => choice));
    if (values !== undefined) return { value: values, draft: chosen.map(({ id }) => id) };
  }
}

/** Undefined when a choice asked further and got no answer, and nothing else was chosen. */
async function valuesOf<T>(chosen: readonly Choice<T>[]): Promise<T[] | undefined> {
  const values: T[] = [];
  for (const { value } of chosen) {
    const own = isAsking(value) ? await value() : value;
    if (own !== undefined) values.push(own);
  }
  return values.length === 0 && chosen.length > 0 ? undefined : values;
}

function isAsking<T>(value: Choice<T>["value"]): value is () => Promise<T | undefined> {
  return typeof value === "function";
}

async function showOnce<T>(
  { placeHolder, choices, accepts = () => true }: PickQuestion<T>,
  frame: Frame,
  many: boolean,
): Promise<Chosen<T>[] | Left> {
  const pick = vscode.window.createQuickPick<Item<T>>();
  try {
    setFrame(pick, frame);
    pick.placeholder = plainText(placeHolder);
    pick.canSelectMany = many;
    pick.matchOnDescription = true;
    pick.matchOnDetail = true;
    // What was answered before shall not be lost to a click beside it.
    pick.ignoreFocusOut = many || frame.total > 1;
    const left = new Promise<Left>((resolve) => {
      pick.onDidTriggerButton(() => resolve(BACK));
      pick.onDidHide(() => resolve(AWAY));
    });
    const accepted = new Promise<Chosen<T>[]>((resolve) => {
      pick.onDidAccept(() => {
        const items = many ? pick.selectedItems : pick.activeItems;
        const chosen = items.flatMap((item) => item.chosen ?? []);
        if (many ? accepts(chosen.length) : chosen.length > 0) resolve(chosen);
      });
    });
    pick.busy = true;
    pick.show();
    const found = await Promise.race([left, choices()]);
    if (typeof found === "symbol") return found;
    fill(pick, found, frame.draft);
    pick.busy = false;
    return await Promise.race([left, accepted]);
  } finally {
    pick.dispose();
  }
}

function fill<T>(
  pick: vscode.QuickPick<Item<T>>,
  choices: Choices<T>,
  draft: readonly string[] | undefined,
): void {
  const ids = choiceIds(choices);
  const items = choices.map((choice, index) => itemOf(choice, ids[index]));
  pick.items = items;
  const isDraft = ({ chosen }: Item<T>): boolean =>
    chosen !== undefined && draft !== undefined && draft.includes(chosen.id);
  if (pick.canSelectMany) {
    pick.selectedItems = items.filter((item) =>
      draft === undefined ? item.chosen?.choice.picked === true : isDraft(item),
    );
  } else {
    const before = items.find(isDraft);
    if (before !== undefined) pick.activeItems = [before];
  }
}

function itemOf<T>(choice: Choices<T>[number], id = ""): Item<T> {
  if ("heading" in choice) {
    return { label: plainText(choice.heading), kind: vscode.QuickPickItemKind.Separator };
  }
  const { label, description, detail, icon, alwaysShow } = choice;
  return {
    chosen: { id, choice },
    label: plainText(cutMiddle(label, MAX_LABEL_CHARS)),
    ...(description === undefined ? {} : { description: plainText(description) }),
    ...(detail === undefined ? {} : { detail: plainText(detail) }),
    ...(icon === undefined ? {} : { iconPath: new vscode.ThemeIcon(icon) }),
    ...(alwaysShow === undefined ? {} : { alwaysShow }),
  };
}
