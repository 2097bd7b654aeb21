// The page: draws the server's state whenever it has changed, and sends what a person does.

import { drawMessage } from "/message.js";
import { h } from "/mrkdwn.js";
import { drawBatch, drawEntry } from "/panel.js";

const $ = (id) => document.getElementById(id);
const typed = [];
let state = null;
let isAtEnd = true;

/** Let the server do an action, and return its answer. */
async function act(action, args = {}) {
  const answer = await fetch(`/do/${action}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(args),
  });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

/** Bring a list up to date: draw again only what changed, and leave the keyboard focus where it was. */
function show(list, items, key, draw) {
  const there = new Map([...list.children].map((child) => [child.dataset.key, child]));
  const drawn = items.map((item, place) => {
    const [name, json] = [String(key(item, place)), JSON.stringify(item)];
    const before = there.get(name);
    if (before?.json === json) return before;
    const after = draw(item);
    after.json = json;
    after.dataset.key = name;
    if (before) replace(before, after);
    return after;
  });
  for (const child of [...list.children]) if (!drawn.includes(child)) child.remove();
  drawn.forEach((child, place) => {
    if (list.children[place] !== child) list.insertBefore(child, list.children[place] ?? null);
  });
}

function replace(before, after) {
  const focused = before.contains(document.activeElement) ? document.activeElement.dataset.element : null;
  before.replaceWith(after);
  if (focused === null) return;
  const same = [...after.querySelectorAll("[data-element]")].find((each) => each.dataset.element === focused);
  (same ?? after.querySelector("button, select, summary, a") ?? $("line")).focus();
}

async function press(ts, element, blockId, option) {
  const args = { ts, block_id: blockId, action_id: element.action_id ?? "", option: option ?? null };
  const { error } = await act("press", args);
  const message = document.querySelector(`[data-ts="${ts}"]`);
  message?.querySelectorAll("[aria-busy]").forEach((each) => each.removeAttribute("aria-busy"));
  message?.querySelector(".problem")?.remove();
  if (error) message?.querySelector(".content").append(h("p", { class: "problem", role: "alert" }, `⚠️ That did not work: ${error}`));
}

function draw(next) {
  const log = $("log");
  const wasAtEnd = isAtEnd;
  const last = state?.messages.at(-1)?.ts;
  const isFirst = state === null;
  state = next;
  show(log, next.messages, (each) => each.ts, (each) => drawMessage(each, press));
  if (wasAtEnd || last !== next.messages.at(-1)?.ts) toEnd();
  if (isFirst) drawHints(next.command);
  show($("batches"), next.batches, (each) => each.id, (each) => drawBatch(each, act));
  show($("outbox"), next.outbox, (each) => each.id, drawEntry);
  show($("bot-log"), next.bot.log, (each, place) => place + each, (line) => h("li", {}, line));
  $("outbox-count").textContent = next.outbox.length;
  $("automatic").checked = next.bot.automatic;
  for (const button of document.querySelectorAll("[data-break]")) {
    button.setAttribute("aria-pressed", String(next.broken[button.dataset.break]));
  }
}

function toEnd() {
  $("log").scrollTop = $("log").scrollHeight;
}

function drawHints(command) {
  const hints = ["", "open", "failed", "status", "help"].map((word) => `${command} ${word}`.trim());
  $("hints").replaceChildren(
    ...hints.map((hint) => h("button", { type: "button", onclick: () => send(hint) }, hint)),
  );
}

async function send(text) {
  typed.push(text);
  await act("type", { text });
}

function recall(event) {
  if (event.key === "ArrowUp" && !event.target.value && typed.length) {
    event.target.value = typed.at(-1);
    event.preventDefault();
  }
}

$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("line").value.trim();
  $("line").value = "";
  if (text) send(text);
});
$("line").addEventListener("keydown", recall);
$("add").addEventListener("submit", (event) => {
  event.preventDefault();
  const { name, total } = event.target.elements;
  act("add", { name: name.value.trim(), total: Number(total.value) });
});
$("tick").addEventListener("click", () => act("tick"));
$("automatic").addEventListener("change", (event) => act("automatic", { on: event.target.checked }));
$("faults").addEventListener("click", (event) => {
  const what = event.target.dataset.break;
  if (what) act("break", { what, on: !state.broken[what] });
});
$("forge").addEventListener("click", async () => {
  const { status, error } = await act("forge");
  $("forged").textContent = error ?? `A command signed with another secret was answered ${status}${status === 401 ? ": refused" : ""}.`;
});

$("log").addEventListener("scroll", ({ target }) => {
  isAtEnd = target.scrollHeight - target.scrollTop - target.clientHeight < 80;
});
new ResizeObserver(() => isAtEnd && toEnd()).observe($("log"));

async function follow() {
  let shown = "";
  for (;;) {
    try {
      const text = await (await fetch("/state")).text();
      $("lost").hidden = true;
      if (text !== shown) draw(JSON.parse(text));
      shown = text;
    } catch {
      $("lost").hidden = false;
    }
    await new Promise((done) => setTimeout(done, 200));
  }
}

follow();
