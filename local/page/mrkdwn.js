// Slack's markup as DOM nodes; never as HTML, so that nothing a message says can do anything.

const emoji = await (await fetch("/emoji.json")).json();

const MARKUP = new RegExp(
  [
    "```(?<block>[\\s\\S]+?)```",
    "`(?<code>[^`\\n]+)`",
    "<!date\\^(?<at>\\d+)\\^(?<format>[^|^>]*)(?:\\^[^|>]*)?\\|(?<fallback>[^>]*)>",
    "<(?<mention>[!@#][^|>]*)(?:\\|(?<mentioned>[^>]*))?>",
    "<(?<url>[^|>]+)(?:\\|(?<label>[^>]*))?>",
    "(?<![\\w*])\\*(?<bold>[^*\\n]+)\\*(?![\\w*])",
    "(?<![\\w_])_(?<italic>[^_\\n]+)_(?![\\w_])",
    "(?<![\\w~])~(?<strike>[^~\\n]+)~(?![\\w~])",
    "(?<emoji>:[a-z0-9_+-]+:)",
    "(?<newline>\\n)",
  ].join("|"),
  "g",
);

/** An element with these children, strings among them; absent ones are left out. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== undefined && value !== null && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false && child !== ""));
  return element;
}

/** The nodes of a text object: mrkdwn, or plain text, in which only emoji mean something. */
export function drawText(text) {
  return text.type === "plain_text" ? drawPlain(text.text) : drawMrkdwn(text.text);
}

export function drawMrkdwn(text) {
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(MARKUP)) {
    nodes.push(unescaped(text.slice(end, match.index)), drawPart(match.groups, match[0]));
    end = match.index + match[0].length;
  }
  return [...nodes, unescaped(text.slice(end))];
}

export function drawPlain(text) {
  return text.replace(/:[a-z0-9_+-]+:/g, (name) => emoji[name] ?? name).split(/(\n)/).map(lineBreak);
}

function drawPart(part, whole) {
  if (part.block) return h("pre", {}, unescaped(part.block));
  if (part.code) return h("code", {}, unescaped(part.code));
  if (part.at) return drawDate(Number(part.at), part.format, unescaped(part.fallback));
  if (part.mention) return h("span", { class: "mention" }, mentionOf(part.mention, part.mentioned));
  if (part.url) return drawLink(part.url, part.label);
  if (part.bold) return h("b", {}, drawMrkdwn(part.bold));
  if (part.italic) return h("i", {}, drawMrkdwn(part.italic));
  if (part.strike) return h("s", {}, drawMrkdwn(part.strike));
  return part.newline ? h("br") : (emoji[part.emoji] ?? whole);
}

function drawLink(url, label) {
  const address = unescaped(url);
  const shown = label ? drawMrkdwn(label) : [address];
  if (!/^(https?|mailto):/.test(address)) return h("span", {}, shown);
  return h("a", { href: address, target: "_blank", rel: "noreferrer" }, shown);
}

function mentionOf(mention, label) {
  const name = label ?? mention.slice(1);
  return (mention[0] === "#" ? "#" : "@") + unescaped(name).replace(/^[@#]/, "");
}

const DAY_S = 86400;
const FORMATS = {
  date_num: { year: "numeric", month: "2-digit", day: "2-digit" },
  date: { year: "numeric", month: "long", day: "numeric" },
  date_short: { year: "numeric", month: "short", day: "numeric" },
  date_long: { year: "numeric", month: "long", day: "numeric", weekday: "long" },
  time: { hour: "2-digit", minute: "2-digit" },
  time_secs: { hour: "2-digit", minute: "2-digit", second: "2-digit" },
};

/** A moment in the reader's own zone, in Slack's words for how to write it. */
function drawDate(at, format, fallback) {
  const moment = new Date(at * 1000);
  const shown = unescaped(format).replace(/\{(\w+?)(_pretty)?\}/g, (whole, name, pretty) => {
    if (name === "ago") return ago(at);
    if (!FORMATS[name]) return whole;
    return (pretty && nearDay(moment)) || moment.toLocaleString(undefined, FORMATS[name]);
  });
  const known = !/\{\w+\}/.test(shown);
  return h("time", { datetime: moment.toISOString(), title: moment.toLocaleString() }, known ? shown : fallback);
}

function nearDay(moment) {
  const midnight = new Date().setHours(0, 0, 0, 0);
  const days = Math.floor((moment - midnight) / (DAY_S * 1000));
  return { "-1": "yesterday", 0: "today", 1: "tomorrow" }[days];
}

function ago(at) {
  const seconds = Math.round(Date.now() / 1000 - at);
  const [unit, size] = [["day", DAY_S], ["hour", 3600], ["minute", 60]].find(([, s]) => Math.abs(seconds) >= s) ?? ["second", 1];
  return new Intl.RelativeTimeFormat().format(-Math.trunc(seconds / size), unit);
}

function unescaped(text) {
  return text.replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");
}

function lineBreak(part) {
  return part === "\n" ? h("br") : part;
}
