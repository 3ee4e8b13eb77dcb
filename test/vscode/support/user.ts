import { setup, teardown } from "mocha";
import { Messages } from "./messages.ts";
import { QuickInput } from "./quick-input.ts";
import { closeEverything } from "./window.ts";

interface User {
  messages: Messages;
  input: QuickInput;
}

/** In a suite: gives each of its tests a user of its own, and closes what that one left open. */
export function eachTest(use: (user: User) => void): void {
  let user: User | undefined;
  setup(() => {
    user = { messages: new Messages(), input: new QuickInput() };
    use(user);
  });
  teardown(async () => {
    user?.messages.dispose();
    user?.input.dispose();
    await closeEverything();
  });
}
