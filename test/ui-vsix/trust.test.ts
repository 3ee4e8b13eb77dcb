// A folder that the user does not trust: nothing of it is searched and no process is started.
import assert from "node:assert/strict";
import { after, afterEach, before, suite, test } from "node:test";
import { failHostileRun, HOSTILE_NAME, hostileWorkspace } from "../vscode/support/workspaces.ts";
import { openSession, type Session } from "./session.ts";

suite("in a folder that is not trusted", { concurrency: false }, () => {
  let session: Session;
  before(async () => {
    session = await openSession({
      prepare: hostileWorkspace,
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

  test("a run that fails says nothing that was not asked for", async () => {
    const { workbench: window, workspace } = session;
    const row = window.row("Runs", "Click me");
    await row.waitFor();
    failHostileRun(workspace);
    await row.filter({ hasText: "see [the help]" }).waitFor();
    await window.page.waitForTimeout(1_000);
    assert.equal(await window.notification(/Click me/).count(), 0);
    assert.equal(await window.statusBar().count(), 0);
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

/** Whatever is shown of the run: it has no link, and its text is all there. */
async function assertNoLinks(session: Session): Promise<void> {
  const { page } = session.workbench;
  const links = page.locator(
    ".notification-list-item-message a, .quick-input-message a, .quick-input-list a[href]",
  );
  assert.deepEqual(await links.allTextContents(), []);
}

suite("in a folder that is trusted but was made by another", { concurrency: false }, () => {
  let session: Session;
  before(async () => {
    session = await openSession({ prepare: hostileWorkspace });
  });
  afterEach((context) => session.shootFailure(context));
  after(async () => {
    await session.close();
  });

  test("a run that fails by itself has no link in its message", async () => {
    const { workbench: window, workspace } = session;
    await window.row("Runs", "Click me").waitFor();
    failHostileRun(workspace);
    const message = window.notification("failed: see [the help]");
    await message.waitFor();
    const text = (await message.innerText()).replaceAll("\u2060", "");
    assert.ok(text.includes(HOSTILE_NAME), text);
    await assertNoLinks(session);
  });

  test("nor has a list, or an icon", async () => {
    const { workbench: window } = session;
    await window.command("Retune: Open Run");
    const row = window.page.locator(".quick-input-widget .monaco-list-row", {
      hasText: "Click me",
    });
    await row.waitFor();
    assert.ok((await row.innerText()).replaceAll("\u2060", "").includes(HOSTILE_NAME));
    assert.equal(await row.locator(".codicon-alert").count(), 0);
    await assertNoLinks(session);
    await window.page.keyboard.press("Escape");
  });
});
