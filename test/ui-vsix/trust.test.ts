// A folder that the user does not trust: nothing of it is searched and no process is started.
import assert from "node:assert/strict";
import { after, afterEach, before, suite, test } from "node:test";
import { historyWorkspace } from "../vscode/support/workspaces.ts";
import { openSession, type Session } from "./session.ts";

suite("in a folder that is not trusted", { concurrency: false }, () => {
  let session: Session;
  before(async () => {
    session = await openSession({
      prepare: historyWorkspace,
      asksForTrust: true,
      settings: {
        "security.workspace.trust.enabled": true,
        "security.workspace.trust.startupPrompt": "never",
      },
    });
  });
  afterEach((context) => session.shootFailure(context));
  after(async () => {
    await session.close();
  });

  test("runs can be looked at", async () => {
    const { workbench: window } = session;
    await window
      .row("Runs", /^run-finished$/)
      .locator(".label-name")
      .click();
    await window.webview().getByRole("status").getByText("Finished").waitFor();
  });

  test("models and adapters are not searched, and the views say so", async () => {
    const { workbench: window } = session;
    for (const view of ["Base Models", "Adapters"]) {
      await window.view(view).getByRole("button", { name: "Manage Workspace Trust" }).waitFor();
    }
    assert.equal(await window.row("Base Models", /./).count(), 0);
  });

  test("a command that would start a process says what is missing", async () => {
    const { workbench: window } = session;
    await window.webview().getByRole("button", { name: "Generate…" }).click();
    const message = window.notification(/not trusted/);
    await message.getByRole("button", { name: "Manage Workspace Trust" }).waitFor();
  });
});
