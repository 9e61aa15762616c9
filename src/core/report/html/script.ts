/**
 * The page's only script, and nothing needs it: times are told as in the reader's own country, in the page's language; a cell of the confusion
 * matrix leads to the errors, and with the script only those of its pair are shown.
 */
export const SCRIPT = `
(() => {
  const { lang } = document.documentElement;
  const own = navigator.languages.find((one) => one.split("-")[0] === lang) ?? lang;
  for (const time of document.querySelectorAll("time")) {
    time.textContent = new Date(time.dateTime).toLocaleString(own, { dateStyle: "medium", timeStyle: "short" });
  }
  const list = document.querySelectorAll("[data-pairs]");
  const tools = document.querySelector(".tools");
  if (!tools) return;
  const shown = tools.querySelector("span");
  const show = (pair, name) => {
    let count = 0;
    for (const item of list) {
      item.hidden = pair !== null && !item.dataset.pairs.split(" ").includes(pair);
      if (!item.hidden) count++;
    }
    for (const rest of document.querySelectorAll("details.rest")) {
      if (pair !== null) rest.open = true;
      rest.hidden = pair !== null && !rest.querySelector("li:not([hidden])");
    }
    tools.hidden = pair === null;
    shown.textContent = pair === null ? "" : name + ": " + count;
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-pair]");
    if (link) show(link.dataset.pair, link.dataset.name);
    else if (event.target.closest(".tools button")) show(null, "");
  });
})();
`;
