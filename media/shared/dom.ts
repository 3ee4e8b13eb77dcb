type Attributes = Record<string, string>;

/** An element with attributes and children. No `style` attribute: the page's CSP forbids them. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  children: readonly (Node | string)[] = [],
): HTMLElementTagNameMap[Tag] {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  for (const child of children) node.append(child);
  return node;
}

/** Sets text only when it differs, so that a screen reader and a selection are left alone. */
export function setText(node: HTMLElement, text: string, title?: string): void {
  if (node.textContent !== text) node.textContent = text;
  if (title !== undefined && node.title !== title) node.title = title;
}

export function setHidden(node: HTMLElement, hidden: boolean): void {
  if (node.hidden !== hidden) node.hidden = hidden;
}

/** A table that knows how many columns share its width (page.css). */
export function table(
  columns: number,
  attributes: Attributes,
  children: readonly (Node | string)[],
): HTMLElement {
  const node = element("table", attributes, children);
  node.style.setProperty("--columns", String(columns));
  return node;
}
