// A message as Slack draws it: its text, or its blocks.

import { drawMrkdwn, drawPlain, drawText, h } from "/mrkdwn.js";

/** The message; `press` is called for a button or a choice. */
export function drawMessage(message, press) {
  const at = new Date(message.at * 1000);
  const act = (element, blockId, option) => press(message.ts, element, blockId, option);
  const article = h(
    "article",
    { class: message.is_ephemeral ? "ephemeral" : "", "aria-label": `${message.who}, ${at.toLocaleTimeString()}` },
    message.is_ephemeral && h("p", { class: "only" }, eye(), "Only visible to you"),
    avatar(message),
    h(
      "p",
      { class: "who" },
      h("b", {}, message.who),
      message.is_app ? h("span", { class: "app" }, "APP") : null,
      h("time", { datetime: at.toISOString() }, at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })),
    ),
    h("div", { class: "content" }, ...body(message, act)),
  );
  return h("li", { "data-ts": message.ts }, article);
}

function body(message, act) {
  // Where there are blocks, the text is for notifications and screen readers alone.
  if (message.blocks.length) return message.blocks.map((block) => drawBlock(block, act));
  return [h("p", { class: "text" }, drawMrkdwn(message.text))];
}

const BLOCKS = {
  header: (block) => h("h4", {}, drawText(block.text)),
  divider: () => h("hr"),
  context: (block) => h("div", { class: "context" }, block.elements.map((each) => h("span", {}, drawText(each)))),
  actions: (block, act) =>
    h("div", { class: "actions" }, block.elements.map((each) => drawElement(each, block.block_id, act))),
  section: (block, act) =>
    h(
      "div",
      { class: "section" },
      block.text ? h("p", {}, drawText(block.text)) : null,
      block.fields ? h("div", { class: "fields" }, block.fields.map((each) => h("p", {}, drawText(each)))) : null,
      block.accessory ? h("div", { class: "accessory" }, drawElement(block.accessory, block.block_id, act)) : null,
    ),
};

function drawBlock(block, act) {
  const draw = BLOCKS[block.type];
  return draw ? draw(block, act) : h("p", { class: "unknown" }, `(a block of type ${block.type})`);
}

function drawElement(element, blockId, act) {
  const name = `${blockId} ${element.action_id ?? ""}`;
  if (element.type === "button") {
    const drawn = h(
      "button",
      {
        type: "button",
        class: element.style,
        "data-element": name,
        "aria-label": element.accessibility_label,
        onclick: () => {
          if (element.url) window.open(element.url, "_blank", "noreferrer");
          drawn.setAttribute("aria-busy", "true");
          act(element, blockId);
        },
      },
      drawPlain(element.text.text),
    );
    return drawn;
  }
  if (element.type === "static_select") return drawSelect(element, blockId, name, act);
  if (element.type === "overflow") return drawOverflow(element, blockId, name, act);
  return h("span", { class: "unknown" }, `(an element of type ${element.type})`);
}

/** A button that opens a menu, which a choice, Escape or a press elsewhere closes. */
function drawOverflow(element, blockId, name, act) {
  const drawOption = (option, place) =>
    h("button", { type: "button", onclick: () => choose(option, place) }, drawPlain(option.text.text));
  const summary = h("summary", { "aria-label": "More actions", "data-element": name }, "⋯");
  const menu = h("div", { class: "menu", onmousedown: (event) => event.preventDefault() }, element.options.map(drawOption));
  const close = () => {
    drawn.open = false;
    summary.focus();
  };
  const choose = (option, place) => {
    if (option.url) window.open(option.url, "_blank", "noreferrer");
    close();
    act(element, blockId, place);
  };
  const drawn = h(
    "details",
    {
      class: "overflow",
      ontoggle: () => drawn.open && menu.scrollIntoView({ block: "nearest" }),
      onkeydown: (event) => event.key === "Escape" && drawn.open && close(),
      onfocusout: (event) => drawn.contains(event.relatedTarget) || (drawn.open = false),
    },
    summary,
    menu,
  );
  return drawn;
}

function drawSelect(element, blockId, name, act) {
  const label = element.placeholder?.text ?? "Choose an option";
  const initial = element.initial_option?.value;
  const options = element.options.map((option, place) =>
    h("option", { value: place, selected: option.value === initial }, drawPlain(option.text.text)),
  );
  const none = initial === undefined ? [h("option", { value: "", selected: true, disabled: true }, drawPlain(label))] : [];
  return h(
    "select",
    {
      "aria-label": label,
      "data-element": name,
      onchange: (event) => act(element, blockId, Number(event.target.value)),
    },
    ...none,
    ...options,
  );
}

function avatar(message) {
  if (message.is_app) return h("img", { class: "avatar", src: "/icon.svg", alt: "" });
  return h("span", { class: `avatar ${message.who}`, "aria-hidden": "true" }, message.who[0]);
}

function eye() {
  return h("span", { "aria-hidden": "true" }, "👁 ");
}
