// The panel: the batches at the simulated OpenAI, and what the bot owes.

import { h } from "/mrkdwn.js";

const ENDS = ["complete", "partly fail", "fail", "expire", "cancel"];
const ENDED = ["completed", "failed", "expired", "cancelled"];
const DEEDS = { cancelling: ["next"], finalizing: ["next", "partly fail", "fail", "expire"] };

export function drawBatch(batch, act) {
  const deeds = ENDED.includes(batch.status) ? [] : (DEEDS[batch.status] ?? ["next", ...ENDS]);
  const counts = batch.counts ?? { total: 0, completed: 0, failed: 0 };
  return h(
    "li",
    { class: "batch" },
    h("p", { class: "name" }, batch.name),
    h("span", { class: `status ${batch.status}` }, batch.status.replace("_", " ")),
    h("p", { class: "counts" }, `${counts.completed.toLocaleString()} of ${counts.total.toLocaleString()}`, counts.failed ? `, ${counts.failed} failed` : null),
    deeds.length ? h("div", { class: "deeds" }, deeds.map((deed) => drawDeed(batch, deed, act))) : null,
  );
}

function drawDeed(batch, deed, act) {
  const label = deed[0].toUpperCase() + deed.slice(1);
  const short = label.split(" ")[0];
  const named = { "aria-label": `${label}: ${batch.name}`, "data-element": deed };
  return h("button", { type: "button", ...named, onclick: () => act("move", { id: batch.id, to: deed }) }, short);
}

export function drawOwed(owed) {
  return h(
    "li",
    { class: "owed" },
    h("span", { class: `state ${owed.state.replace(" ", "-")}` }, owed.state),
    h("span", {}, owed.id),
    owed.why ? h("small", {}, owed.why) : null,
  );
}
