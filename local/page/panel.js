// The panel: the batches at the simulated OpenAI, and the bot's outbox.

import { h } from "/mrkdwn.js";

const ENDS = ["complete", "partly fail", "fail", "expire", "cancel"];
const ENDED = ["completed", "failed", "expired", "cancelled"];
const MOVES = { cancelling: ["next"], finalizing: ["next", "partly fail", "fail", "expire"] };

export function drawBatch(batch, act) {
  const moves = ENDED.includes(batch.status) ? [] : (MOVES[batch.status] ?? ["next", ...ENDS]);
  const counts = batch.counts ?? { total: 0, completed: 0, failed: 0 };
  return h(
    "li",
    { class: "batch" },
    h("p", { class: "name" }, batch.name),
    h("span", { class: `status ${batch.status}` }, batch.status.replace("_", " ")),
    h("p", { class: "counts" }, `${counts.completed.toLocaleString()} of ${counts.total.toLocaleString()}`, counts.failed ? `, ${counts.failed} failed` : null),
    moves.length ? h("div", { class: "moves" }, moves.map((move) => drawMove(batch, move, act))) : null,
  );
}

function drawMove(batch, move, act) {
  const label = move[0].toUpperCase() + move.slice(1);
  const short = label.split(" ")[0];
  const named = { "aria-label": `${label}: ${batch.name}`, "data-element": move };
  return h("button", { type: "button", ...named, onclick: () => act("move", { id: batch.id, to: move }) }, short);
}

export function drawEntry(entry) {
  return h(
    "li",
    { class: "entry" },
    h("span", { class: `state ${entry.state}` }, entry.state),
    h("span", {}, entry.id),
    entry.why ? h("small", {}, entry.why) : null,
  );
}
