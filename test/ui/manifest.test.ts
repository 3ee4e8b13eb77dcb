// package.json against the code that it describes.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { root } from "../../.ci/install.mjs";
import { COMMANDS, VIEWS } from "../../src/ui/command-ids.ts";

interface MenuItem {
  command: string;
  when?: string;
  group?: string;
}
const manifest = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as {
  icon: string;
  capabilities: { untrustedWorkspaces: { supported: string } };
  activationEvents: string[];
  contributes: {
    commands: { command: string; title: string; category: string; enablement?: string }[];
    menus: Record<string, MenuItem[]>;
    views: Record<string, { id: string }[]>;
    viewsWelcome: { view: string; contents: string }[];
    viewsContainers: { activitybar: { icon: string }[] };
    walkthroughs: {
      steps: { media: { markdown: string } | { image: Record<string, string> } }[];
    }[];
  };
};
const { commands, menus, views, viewsWelcome, viewsContainers, walkthroughs } =
  manifest.contributes;
const ids = commands.map(({ command }) => command);

test("contributes the commands that the code registers, no more and no fewer", () => {
  assert.deepEqual(ids.toSorted(), Object.values(COMMANDS).toSorted());
});

test("every menu item and every link of an empty view is a command of ours or of VS Code", () => {
  const inMenus = Object.values(menus).flatMap((items) => items.map(({ command }) => command));
  const inTexts = JSON.stringify([viewsWelcome, walkthroughs]).matchAll(/\(command:([\w.]+)\)/g);
  const used = [...inMenus, ...[...inTexts].map(([, id]) => id ?? "")];
  const ours = used.filter((id) => id.startsWith("retune.") && !id.endsWith(".focus"));
  assert.ok(ours.length > 30);
  assert.deepEqual(
    ours.filter((id) => !ids.includes(id)),
    [],
  );
});

test("each view has an empty state with a button", () => {
  const contributed = Object.values(views).flatMap((group) => group.map(({ id }) => id));
  assert.deepEqual(contributed.toSorted(), Object.values(VIEWS).toSorted());
  for (const id of contributed) {
    const texts = viewsWelcome.filter(({ view }) => view === id);
    assert.ok(texts.length > 0, id);
    for (const { contents } of texts) assert.match(contents, /^\[.+\]\(command:[\w.]+\)$/m);
  }
});

test("commands that start a process are off in a folder that is not trusted", () => {
  assert.equal(manifest.capabilities.untrustedWorkspaces.supported, "limited");
  const starting = [
    "freezeLayers",
    "measureLayers",
    "startRun",
    "startRunFromRecipe",
    "resumeRun",
    "generate",
    "classify",
    "evaluate",
    "mergeAdapter",
    "mergeModels",
    "interpolate",
    "continueInterpolation",
    "saveMix",
    "installRuntime",
  ];
  for (const name of starting) {
    const command = commands.find(({ command: id }) => id === `retune.${name}`);
    assert.match(command?.enablement ?? "", /isWorkspaceTrusted/, name);
  }
});

test("a classifier's row offers Classify Text… where others offer Generate…, and never both", () => {
  const rows = menus["view/item/context"] ?? [];
  const places = (command: string, word: string) =>
    rows.flatMap((item) => {
      if (item.command !== command) return [];
      const { when = "" } = item;
      assert.ok(when.endsWith(`/\\b${word}\\b/`), when);
      return [`${when.split(" && ")[0]} ${item.group}`];
    });
  const generates = places("retune.generate", "writesText");
  assert.equal(generates.length, 5);
  assert.deepEqual(places("retune.classify", "labelsText"), generates);
});

test("no activation event makes VS Code search the workspace", () => {
  const searching = manifest.activationEvents.filter((event) => /^\*$|Contains:.*[*?]/.test(event));
  assert.deepEqual(searching, []);
});

test("icons and walkthrough texts are there", () => {
  const files = [
    manifest.icon,
    ...viewsContainers.activitybar.map(({ icon }) => icon),
    ...walkthroughs.flatMap(({ steps }) =>
      steps.flatMap(({ media }) =>
        "markdown" in media ? [media.markdown] : Object.values(media.image),
      ),
    ),
  ];
  assert.deepEqual(
    files.filter((file) => !existsSync(path.join(root, file))),
    [],
  );
});
